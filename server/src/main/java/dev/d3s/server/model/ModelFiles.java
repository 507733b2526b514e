package dev.d3s.server.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** JSON files of a model directory, read strictly (a member given twice is an error) and written durably. Stateless. */
final class ModelFiles {
    /** Tokenizers of half a million tokens have less than a tenth of this. */
    private static final long MOST_BYTES = 256L << 20;
    private static final int MOST_TOKENS = 20_000_000;
    static final JsonMapper JSON = JsonMapper
        .builder(JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(
                    StreamReadConstraints.builder().maxNestingDepth(100).maxTokenCount(MOST_TOKENS).build())
            .build())
        // Python writes an unlimited sliding window or length as Infinity
        .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS.mappedFeature())
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .enable(SerializationFeature.INDENT_OUTPUT)
        .build();

    private ModelFiles() {}

    /** The tree of a JSON file. */
    static JsonNode read(Path file) throws IOException {
        requireSize(file);
        try (JsonParser parser = JSON.createParser(file.toFile())) {
            return JSON.readTree(parser);
        } catch (JsonProcessingException notJson) {
            throw invalid(file + " is not valid JSON: " + notJson.getOriginalMessage() + at(notJson) + ".", notJson);
        }
    }

    /** The bytes of a file beside the weights. */
    static byte[] bytes(Path file) throws IOException {
        requireSize(file);
        return Files.readAllBytes(file);
    }

    /** The text of a file beside the weights. */
    static String text(Path file) throws IOException {
        requireSize(file);
        return Files.readString(file);
    }

    private static void requireSize(Path file) throws IOException {
        long bytes = Files.size(file);
        if (bytes > MOST_BYTES) {
            throw invalid(file + " has " + bytes + " bytes; a file beside the weights may have " + MOST_BYTES
                    + ": it is not what its name says.");
        }
    }

    static void write(Path file, JsonNode tree) throws IOException {
        writeDurably(file, JSON.writeValueAsBytes(tree));
    }

    static void writeDurably(Path file, byte[] content) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer rest = ByteBuffer.wrap(content);
            while (rest.hasRemaining()) {
                channel.write(rest);
            }
            channel.force(true);
        }
    }

    static void copyDurably(Path source, Path target) throws IOException {
        writeDurably(target, bytes(source));
    }

    /** Makes the directory's entries durable, where the file system lets a directory be opened. */
    static void sync(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    static D3sException invalid(String message) {
        return new D3sException(ErrorCategory.USER, "invalid_model", message);
    }

    static D3sException invalid(String message, Throwable cause) {
        return new D3sException(ErrorCategory.USER, "invalid_model", message, cause);
    }

    /** All problems as one failure. */
    static D3sException invalid(List<String> problems) {
        return invalid(String.join(" ", problems));
    }

    private static String at(JsonProcessingException failure) {
        var location = failure.getLocation();
        return location == null
                ? ""
                : " (line " + location.getLineNr() + ", column " + location.getColumnNr() + ")";
    }
}
