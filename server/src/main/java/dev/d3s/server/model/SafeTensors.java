package dev.d3s.server.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.spi.D3sException;

/**
 * A safetensors file, open for reading: eight bytes of header length, a JSON header that names each tensor's format, shape and byte
 * range, then the values, little-endian. The file is memory-mapped, so opening costs the header alone and reading a tensor
 * touches only its pages.
 *
 * <p>The header is not believed: byte ranges must lie inside the file, must not overlap, must leave no gap and must be as long as the shape
 * says. Used by the one thread that opened it, which also closes it.
 */
public final class SafeTensors implements AutoCloseable {
    /** The format's own limit; a larger header is a damaged or hostile file. */
    private static final long MAX_HEADER_BYTES = 100_000_000;
    private static final String METADATA = "__metadata__";
    /** Some hundred thousand tensors: a header that is all brackets would fill the memory many times its own size. */
    private static final int MAX_HEADER_TOKENS = 5_000_000;
    private static final JsonMapper HEADER_JSON = JsonMapper
        .builder(JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(
                    StreamReadConstraints.builder().maxNestingDepth(10).maxTokenCount(MAX_HEADER_TOKENS).build())
            .build())
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .build();
    private static final int CHUNK_VALUES = 1 << 18;
    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED
        .withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat SINGLE = ValueLayout.JAVA_FLOAT_UNALIGNED
        .withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path file;
    private final Map<String, Entry> entries;
    private final Map<String, String> metadata;
    private final Arena arena;
    private final MemorySegment values;

    /**
     * One tensor of a file.
     *
     * @param shape empty for a scalar
     * @param begin first byte, counted from the end of the header
     * @param end byte after the last
     */
    public record Entry(String name, TensorType type, long[] shape, long begin, long end) {
        /** Number of values. */
        public long size() {
            return (end - begin) / type.bytes();
        }
    }

    /**
     * One tensor to write. {@code values} are fp32 in native order from position to limit, and are only read while the file is written.
     *
     * @param type format in the file
     */
    public record Source(String name, TensorType type, long[] shape, ByteBuffer values) {}

    private SafeTensors(Path file, Map<String, Entry> entries, Map<String, String> metadata, Arena arena,
            MemorySegment values) {
        this.file = file;
        this.entries = entries;
        this.metadata = metadata;
        this.arena = arena;
        this.values = values;
    }

    /**
     * Opens and checks a file.
     *
     * @throws D3sException when the header contradicts itself or the file
     */
    public static SafeTensors open(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long fileBytes = channel.size();
            if (fileBytes < 8) {
                throw ModelFiles.invalid(file + " has " + fileBytes
                        + " bytes, too few for a safetensors file: copy it again.");
            }
            ByteBuffer lengthBytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            readFully(channel, lengthBytes, 0);
            long headerBytes = lengthBytes.getLong(0);
            if (headerBytes < 2 || headerBytes > MAX_HEADER_BYTES || headerBytes > fileBytes - 8) {
                throw ModelFiles.invalid(file + " says that its header has " + Long.toUnsignedString(headerBytes)
                        + " bytes in a file of " + fileBytes
                        + ": it is not a safetensors file, or it was cut off while copying.");
            }
            ByteBuffer header = ByteBuffer.allocate((int) headerBytes);
            readFully(channel, header, 8);
            long valueBytes = fileBytes - 8 - headerBytes;
            Map<String, String> metadata = new LinkedHashMap<>();
            Map<String, Entry> entries = parse(file, header.array(), valueBytes, metadata);
            Arena arena = Arena.ofConfined();
            try {
                MemorySegment values = channel.map(FileChannel.MapMode.READ_ONLY, 8 + headerBytes, valueBytes, arena);
                return new SafeTensors(file, Collections.unmodifiableMap(entries),
                        Collections.unmodifiableMap(metadata), arena, values);
            } catch (IOException | RuntimeException failure) {
                arena.close();
                throw failure;
            }
        }
    }

    public Path file() {
        return file;
    }

    /** Names of the tensors, in the header's order. */
    public Set<String> names() {
        return entries.keySet();
    }

    /** The file's own notes, e.g. {@code format -> pt}. */
    public Map<String, String> metadata() {
        return metadata;
    }

    /** A tensor's description; {@code name} is one of {@link #names()}. */
    public Entry entry(String name) {
        return Objects.requireNonNull(entries.get(name), name);
    }

    /**
     * Reads a tensor as fp32.
     *
     * @param destination native order; filled from its position with {@code 4 * entry(name).size()} bytes, position advanced
     * @throws D3sException when the tensor is in a format that is not a floating-point one of up to four bytes
     */
    public void read(String name, ByteBuffer destination) {
        Entry entry = entry(name);
        if (!entry.type().readable()) {
            throw ModelFiles.invalid(unreadable(file, entry));
        }
        MemorySegment source = values.asSlice(entry.begin(), entry.end() - entry.begin());
        int size = Math.toIntExact(entry.size());
        if (entry.type() == TensorType.F32 && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN) {
            MemorySegment target = MemorySegment.ofBuffer(destination);
            MemorySegment.copy(source, 0, target, 0, source.byteSize());
        } else {
            FloatBuffer target = destination.asFloatBuffer();
            for (int index = 0; index < size; index++) {
                target.put(index, switch (entry.type()) {
                    case F16 -> Float.float16ToFloat(source.getAtIndex(HALF, index));
                    case BF16 -> Float.intBitsToFloat(source.getAtIndex(HALF, index) << 16);
                    case F32, F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, C64 -> source
                        .getAtIndex(SINGLE, index);
                });
            }
        }
        destination.position(destination.position() + 4 * size);
    }

    static String unreadable(Path file, Entry entry) {
        return file + ": tensor " + entry.name() + " is " + entry.type()
                + "; weights can be F32, F16 or BF16: convert it to one of them.";
    }

    @Override
    public void close() {
        arena.close();
    }

    /**
     * Writes a file and makes it durable. Values go from their buffers to the file directly (fp32) or through a buffer of one
     * megabyte (half formats): nothing is copied as a whole.
     */
    public static void write(Path file, Map<String, String> metadata, List<Source> tensors) throws IOException {
        ObjectNode header = ModelFiles.JSON.createObjectNode();
        if (!metadata.isEmpty()) {
            ObjectNode notes = header.putObject(METADATA);
            metadata.forEach(notes::put);
        }
        long offset = 0;
        for (Source tensor : tensors) {
            long size = size(tensor.shape());
            if (!tensor.type().readable() || size != tensor.values().remaining() / 4) {
                throw new IllegalArgumentException(tensor.name() + " " + tensor.type() + " "
                        + Arrays.toString(tensor.shape()) + " with " + tensor.values().remaining() + " bytes");
            }
            ObjectNode entry = header.putObject(tensor.name());
            entry.put("dtype", tensor.type().name());
            ArrayNode shape = entry.putArray("shape");
            for (long dimension : tensor.shape()) {
                shape.add(dimension);
            }
            long end = offset + size * tensor.type().bytes();
            entry.putArray("data_offsets").add(offset).add(end);
            offset = end;
        }
        byte[] json = ModelFiles.JSON.writer()
            .without(
                    SerializationFeature.INDENT_OUTPUT)
            .writeValueAsBytes(header);
        // padded with spaces so that the values begin at a multiple of 8
        byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
        Arrays.fill(padded, json.length, padded.length, (byte) ' ');
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer start = ByteBuffer.allocate(8 + padded.length).order(ByteOrder.LITTLE_ENDIAN);
            writeFully(channel, start.putLong(padded.length).put(padded).flip());
            ByteBuffer chunk = ByteBuffer.allocateDirect(4 * CHUNK_VALUES).order(ByteOrder.LITTLE_ENDIAN);
            for (Source tensor : tensors) {
                write(channel, tensor, chunk);
            }
            channel.force(true);
        }
    }

    private static void write(FileChannel channel, Source tensor, ByteBuffer chunk) throws IOException {
        ByteBuffer bytes = tensor.values().duplicate();
        if (tensor.type() == TensorType.F32 && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN) {
            writeFully(channel, bytes);
            return;
        }
        FloatBuffer floats = bytes.order(ByteOrder.nativeOrder()).asFloatBuffer();
        while (floats.hasRemaining()) {
            chunk.clear();
            for (int count = Math.min(CHUNK_VALUES, floats.remaining()); count > 0; count--) {
                float value = floats.get();
                switch (tensor.type()) {
                    case F16 -> chunk.putShort(Float.floatToFloat16(value));
                    case BF16 -> chunk.putShort(toBfloat16(value));
                    case F32, F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, C64 -> chunk
                        .putFloat(value);
                }
            }
            writeFully(channel, chunk.flip());
        }
    }

    /** The upper half of the bits, rounded to nearest, ties to even; NaN stays NaN. */
    static short toBfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) ((bits >>> 16) | 0x40);
        }
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }

    private static Map<String, Entry> parse(Path file, byte[] header, long valueBytes, Map<String, String> metadata)
            throws IOException {
        JsonNode root;
        try {
            root = HEADER_JSON.readTree(header);
        } catch (JsonProcessingException notJson) {
            throw ModelFiles.invalid(file + " has a header that is not valid JSON: " + notJson.getOriginalMessage()
                    + ". It is not a safetensors file, or it is damaged.", notJson);
        }
        if (!root.isObject()) {
            throw ModelFiles.invalid(file + " has a header that is not a JSON object: "
                    + new String(header, 0, Math.min(header.length, 40), StandardCharsets.UTF_8) + ".");
        }
        Map<String, Entry> entries = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> member : root.properties()) {
            if (member.getKey().equals(METADATA)) {
                member.getValue()
                    .properties()
                    .forEach(note -> metadata.put(note.getKey(), note.getValue().asText()));
            } else {
                entries.put(member.getKey(), entry(file, member.getKey(), member.getValue(), valueBytes));
            }
        }
        checkCoverage(file, entries, valueBytes);
        return entries;
    }

    private static Entry entry(Path file, String name, JsonNode node, long valueBytes) {
        String where = file + ": tensor " + name + " ";
        TensorType type = TensorType.named(node.path("dtype").asText());
        if (type == null) {
            throw ModelFiles.invalid(where + "has the unknown format " + node.path("dtype") + ".");
        }
        JsonNode dimensions = node.path("shape");
        JsonNode offsets = node.path("data_offsets");
        if (!dimensions.isArray() || !offsets.isArray() || offsets.size() != 2) {
            throw ModelFiles.invalid(where + "needs a shape and two data_offsets.");
        }
        long[] shape = new long[dimensions.size()];
        for (int axis = 0; axis < shape.length; axis++) {
            shape[axis] = natural(where, dimensions.get(axis));
        }
        long begin = natural(where, offsets.get(0));
        long end = natural(where, offsets.get(1));
        if (begin > end || end > valueBytes) {
            throw ModelFiles.invalid(where + "lies at bytes " + begin + " to " + end + " of " + valueBytes
                    + ": the file was cut off, or its header is wrong.");
        }
        long expected;
        try {
            expected = Math.multiplyExact(size(shape), type.bytes());
        } catch (ArithmeticException overflow) {
            throw ModelFiles.invalid(where + "has the absurd shape " + Arrays.toString(shape) + ".", overflow);
        }
        if (expected != end - begin) {
            throw ModelFiles.invalid(where + "has the shape " + Arrays.toString(shape) + " in " + type + ", that is "
                    + expected + " bytes, but its data_offsets span " + (end - begin) + ".");
        }
        return new Entry(name, type, shape, begin, end);
    }

    private static void checkCoverage(Path file, Map<String, Entry> entries, long valueBytes) {
        List<Entry> ordered = new ArrayList<>(entries.values());
        ordered.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        long covered = 0;
        String before = "the header";
        for (Entry entry : ordered) {
            if (entry.begin() < covered) {
                throw ModelFiles.invalid(file + ": tensor " + entry.name() + " overlaps " + before + ".");
            }
            if (entry.begin() > covered) {
                throw ModelFiles.invalid(file + ": " + (entry.begin() - covered) + " bytes between " + before
                        + " and tensor " + entry.name() + " belong to no tensor.");
            }
            covered = entry.end();
            before = "tensor " + entry.name();
        }
        if (covered != valueBytes) {
            throw ModelFiles.invalid(file + ": " + (valueBytes - covered) + " bytes after " + before
                    + " belong to no tensor.");
        }
    }

    private static long natural(String where, JsonNode node) {
        if (!node.isIntegralNumber() || !node.canConvertToLong() || node.asLong() < 0) {
            throw ModelFiles.invalid(where + "has " + node + " where a length or an offset is due.");
        }
        return node.asLong();
    }

    /** Product of the dimensions; an {@link ArithmeticException} when it does not fit. */
    private static long size(long[] shape) {
        long size = 1;
        for (long dimension : shape) {
            size = Math.multiplyExact(size, dimension);
        }
        return size;
    }

    private static void readFully(FileChannel channel, ByteBuffer target, long position) throws IOException {
        long at = position;
        while (target.hasRemaining()) {
            int count = channel.read(target, at);
            if (count < 0) {
                throw new IOException("The file became shorter while it was read.");
            }
            at += count;
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer source) throws IOException {
        while (source.hasRemaining()) {
            channel.write(source);
        }
    }
}
