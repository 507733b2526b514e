package dev.d3s.server.policy.torch;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.model.Parameter;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * {@code optimizer.safetensors}: AdamW's moments of every trained tensor, and adapters, in the safetensors format, so that other tools can look
 * at them, with step count, version and a checksum (CRC-32C over the values in file order) in its metadata. Written beside
 * its final name, forced to disk, and renamed: a reader finds the old file or the new one.
 */
final class OptimizerFile {
    static final String NAME = "optimizer.safetensors";
    private static final String METADATA = "__metadata__";
    private static final ObjectMapper JSON = new ObjectMapper();

    private OptimizerFile() {}

    /** @param steps updates that the moments have seen */
    record Counters(long steps, long version) {}

    static void write(Path directory, Map<String, TorchWeights> saved, long steps, long version)
            throws IOException {
        ObjectNode header = header(saved);
        ObjectNode metadata = header.putObject(METADATA);
        metadata.put("steps", Long.toString(steps));
        metadata.put("version", Long.toString(version));
        metadata.put("crc32c", Long.toHexString(checksum(saved)));
        byte[] text = JSON.writeValueAsBytes(header);
        Files.createDirectories(directory);
        Path temporary = directory.resolve(NAME + ".part");
        try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            writeAll(channel, ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(0, text.length));
            writeAll(channel, ByteBuffer.wrap(text));
            for (ByteBuffer values : buffers(saved)) {
                writeAll(channel, values);
            }
            channel.force(true);
        }
        Files.move(temporary, directory.resolve(NAME), StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
    }

    /**
     * Fills what {@link #write} saved.
     *
     * @throws D3sException with code {@code checkpoint_unusable} when the file belongs to another model or is damaged; the
     *             tensors are then as before
     */
    static Counters read(Path directory, Map<String, TorchWeights> saved) throws IOException {
        Path file = directory.resolve(NAME);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            readAll(channel, length);
            long headerLength = length.getLong(0);
            if (headerLength < 2 || headerLength > channel.size()) {
                throw unusable(file, "is not a safetensors file");
            }
            byte[] text = new byte[(int) headerLength];
            readAll(channel, ByteBuffer.wrap(text));
            JsonNode header = JSON.readTree(new String(text, StandardCharsets.UTF_8));
            JsonNode metadata = header.path(METADATA);
            ObjectNode expected = header(saved);
            for (var tensor : expected.properties()) {
                if (!tensor.getValue().toString().equals(header.path(tensor.getKey()).toString())) {
                    throw unusable(file, "is of another model: " + tensor.getKey() + " differs");
                }
            }
            if (header.size() != expected.size() + 1) {
                throw unusable(file, "is of another model: it has " + (header.size() - 1) + " tensors instead of "
                        + expected.size());
            }
            long start = channel.position();
            if (!Long.toHexString(checksum(channel)).equals(metadata.path("crc32c").asText())) {
                throw unusable(file, "is damaged: its checksum does not match");
            }
            channel.position(start);
            for (ByteBuffer values : buffers(saved)) {
                readAll(channel, values);
            }
            return new Counters(Long.parseLong(metadata.path("steps").asText()),
                    Long.parseLong(metadata.path("version").asText()));
        } catch (NoSuchFileException e) {
            throw new D3sException(ErrorCategory.USER, "checkpoint_unusable",
                    "There is no " + file
                            + ": training cannot continue from this checkpoint, only start from its weights",
                    e);
        } catch (EOFException | JsonProcessingException | NumberFormatException e) {
            throw new D3sException(ErrorCategory.USER, "checkpoint_unusable",
                    file + " is damaged: use another checkpoint",
                    e);
        }
    }

    private static D3sException unusable(Path file, String why) {
        return new D3sException(ErrorCategory.USER, "checkpoint_unusable",
                file + " " + why + "; use another checkpoint");
    }

    /** The tensors in the order of the file: all that is saved of a parameter, then of the next. */
    private static List<ByteBuffer> buffers(Map<String, TorchWeights> saved) {
        List<ByteBuffer> buffers = new ArrayList<>();
        for (int index = 0; index < layout(saved).size(); index++) {
            for (TorchWeights part : saved.values()) {
                buffers.add(part.values(index));
            }
        }
        return buffers;
    }

    private static List<Parameter> layout(Map<String, TorchWeights> saved) {
        return saved.values().iterator().next().parameters();
    }

    /** Names, shapes and places in the same order. */
    private static ObjectNode header(Map<String, TorchWeights> saved) {
        ObjectNode header = JSON.createObjectNode();
        long offset = 0;
        for (Parameter parameter : layout(saved)) {
            for (String suffix : saved.keySet()) {
                ObjectNode tensor = header.putObject(parameter.name() + suffix);
                tensor.put("dtype", "F32");
                var shape = tensor.putArray("shape");
                for (long dimension : parameter.shape()) {
                    shape.add(dimension);
                }
                long end = offset + parameter.size() * Float.BYTES;
                tensor.putArray("data_offsets").add(offset).add(end);
                offset = end;
            }
        }
        return header;
    }

    private static long checksum(Map<String, TorchWeights> saved) {
        CRC32C checksum = new CRC32C();
        for (ByteBuffer values : buffers(saved)) {
            checksum.update(values);
        }
        return checksum.getValue();
    }

    private static long checksum(FileChannel channel) throws IOException {
        CRC32C checksum = new CRC32C();
        ByteBuffer part = ByteBuffer.allocateDirect(1 << 20);
        while (channel.read(part) >= 0) {
            checksum.update(part.flip());
            part.clear();
        }
        return checksum.getValue();
    }

    private static void writeAll(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    private static void readAll(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            if (channel.read(buffer) < 0) {
                throw new EOFException("The file ends too early");
            }
        }
    }
}
