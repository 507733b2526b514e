package dev.d3s.server.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.server.example.ExampleModels;

/** Model directories that lie about themselves: each is refused with a sentence before anything is allocated for it. */
class HostileModelTest {
    @TempDir
    Path directory;

    @BeforeEach
    void makeModel() throws IOException {
        ExampleModels.arithmetic(directory, 7);
        assertThat(ModelDirectory.check(directory)).isEmpty();
    }

    /** Costs no disk: the file is a hole. */
    private void stretch(String name, long bytes) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(directory.resolve(name).toFile(), "rw")) {
            file.setLength(bytes);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"tokenizer.json", "config.json", "tokenizer_config.json", "chat_template.jinja",
            "generation_config.json"})
    void shouldNotReadGigabytesBesideTheWeights(String name) throws IOException {
        stretch(name, 3L << 30);

        assertThat(ModelDirectory.check(directory)).anyMatch(problem -> problem.contains(name)
                && problem.contains("has 3221225472 bytes"));
    }

    @ParameterizedTest
    @CsvSource({"num_hidden_layers, 2147483647", "num_hidden_layers, 9000000000000000000", "hidden_size, 2147483647",
            "vocab_size, 1000000000", "num_attention_heads, 16777216", "intermediate_size, -1", "head_dim, 0",
            "max_position_embeddings, 1e99", "num_key_value_heads, 0"})
    void shouldRefuseAbsurdNumbers(String member, String value) throws IOException {
        Path config = directory.resolve("config.json");
        String text = Files.readString(config);
        String changed = text.replaceAll("\"" + member + "\"\\s*:\\s*[^,}]+", "\"" + member + "\": " + value);
        Files.writeString(config, changed.equals(text)
                ? text.replaceFirst("\\{", "{\"" + member + "\": " + value + ",")
                : changed);

        assertThat(ModelDirectory.check(directory)).isNotEmpty().allMatch(problem -> problem.length() < 1000);
    }

    /** @param header JSON with {@code BYTES} for the number of bytes that follow it */
    private void weights(String header, int bytes) throws IOException {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        Files.write(directory.resolve("model.safetensors"),
                ByteBuffer.allocate(8 + json.length + bytes)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(json.length)
                    .put(json)
                    .array());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | 4 | lies at bytes 0 to 8 of 4",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}} | 8 | belong to no tensor",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} | 8 | belong to no tensor",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}} | 12 | overlaps",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,9223372036854775807],\"data_offsets\":[0,4]}} | 4 | absurd shape",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,4]}} | 4 | absurd shape",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}} | 4 | where a length",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}} | 4 | where a length",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}} | 4 | lies at bytes 4 to 0",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} | 4 | not valid JSON",
            "{\"a\":{\"dtype\":\"X99\",\"shape\":[1],\"data_offsets\":[0,4]}} | 4 | unknown format"})
    void shouldNotBelieveTheHeaderOfWeights(String header, int bytes, String words) throws IOException {
        weights(header, bytes);

        assertThat(ModelDirectory.check(directory)).anyMatch(problem -> problem.contains(words));
    }

    @ParameterizedTest
    @ValueSource(longs = {1L << 62, -1, 100_000_001, 1, 0})
    void shouldNotBelieveTheLengthOfTheHeader(long length) throws IOException {
        Files.write(directory.resolve("model.safetensors"),
                ByteBuffer.allocate(100).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array());

        assertThat(ModelDirectory.check(directory)).anyMatch(problem -> problem.contains("says that its header has"));
    }

    @Test
    void shouldNotBeLedOutOfTheDirectory() throws IOException {
        Files.delete(directory.resolve("model.safetensors"));
        for (String elsewhere : new String[]{"../model.safetensors", "/etc/passwd", "..\\\\x.safetensors", ".."}) {
            Files.writeString(directory.resolve("model.safetensors.index.json"),
                    "{\"weight_map\": {\"model.norm.weight\": \"" + elsewhere + "\"}}");

            assertThat(ModelDirectory.check(directory))
                .anyMatch(problem -> problem.contains("which is not a safetensors file of the directory"));
        }
    }
}
