package dev.d3s.server.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.spi.D3sException;

class SafeTensorsTest {
    @TempDir
    Path directory;

    @Test
    void shouldReadBackTheSameBits() throws IOException {
        float[] matrix = {1.5f, -0f, Float.MIN_VALUE, Float.MAX_VALUE, Float.NaN, Float.NEGATIVE_INFINITY};
        float[] vector = {0.1f, 0.2f, 0.3f};
        Path file = directory.resolve("a.safetensors");

        SafeTensors.write(file, Map.of("format", "pt"),
                List.of(source("matrix", TensorType.F32, matrix, 2, 3), source("vector", TensorType.F32, vector, 3)));

        try (SafeTensors tensors = SafeTensors.open(file)) {
            assertThat(tensors.names()).containsExactly("matrix", "vector");
            assertThat(tensors.metadata()).containsExactly(Map.entry("format", "pt"));
            assertThat(tensors.entry("matrix").shape()).containsExactly(2, 3);
            assertThat(bits(read(tensors, "matrix"))).isEqualTo(bits(matrix));
            assertThat(bits(read(tensors, "vector"))).isEqualTo(bits(vector));
        }
        ByteBuffer raw = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(raw.getLong(0) % 8).as("values begin aligned").isZero();
    }

    @ParameterizedTest
    @EnumSource(names = {"F16", "BF16"})
    void shouldKeepWhatAHalfFormatCanHold(TensorType type) throws IOException {
        // all of these have at most 7 bits after the leading one
        float[] values = {0, -0f, 1, -2.5f, 0.15625f, 96, Float.POSITIVE_INFINITY, Float.NaN};
        Path file = directory.resolve("half.safetensors");

        SafeTensors.write(file, Map.of(), List.of(source("x", type, values, values.length)));

        try (SafeTensors tensors = SafeTensors.open(file)) {
            assertThat(tensors.entry("x").type()).isEqualTo(type);
            assertThat(read(tensors, "x")).isEqualTo(values);
        }
    }

    @Test
    void shouldRoundBfloat16ToNearestEven() {
        assertThat(bfloat16(1 + 1f / 256)).as("a tie goes to the even neighbour").isEqualTo(1);
        assertThat(bfloat16(1 + 3f / 256)).as("a tie goes to the even neighbour").isEqualTo(1 + 4f / 256);
        assertThat(bfloat16(1 + 1.01f / 256)).isEqualTo(1 + 2f / 256);
        assertThat(bfloat16(Float.MAX_VALUE)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(bfloat16(Float.intBitsToFloat(0x7f800001))).as("NaN stays NaN").isNaN();
    }

    @Test
    void shouldWriteMoreThanOneChunk() throws IOException {
        float[] values = new float[(1 << 18) + 17];
        for (int index = 0; index < values.length; index++) {
            values[index] = index % 251;
        }
        Path file = directory.resolve("long.safetensors");

        SafeTensors.write(file, Map.of(), List.of(source("x", TensorType.BF16, values, values.length)));

        try (SafeTensors tensors = SafeTensors.open(file)) {
            assertThat(read(tensors, "x")).isEqualTo(values);
        }
    }

    @Test
    void shouldWriteLiveMemoryWithoutTouchingItsPosition() throws IOException {
        ByteBuffer values = ByteBuffer.allocateDirect(16).order(ByteOrder.nativeOrder());
        values.asFloatBuffer().put(new float[]{1, 2, 3, 4});
        values.position(4);

        SafeTensors.write(directory.resolve("live.safetensors"), Map.of(),
                List.of(new SafeTensors.Source("x", TensorType.F32, new long[]{3}, values)));

        assertThat(values.position()).isEqualTo(4);
        try (SafeTensors tensors = SafeTensors.open(directory.resolve("live.safetensors"))) {
            assertThat(read(tensors, "x")).containsExactly(2, 3, 4);
        }
    }

    @ParameterizedTest(name = "{1}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"x":{"dtype":"F32","shape":[4],"data_offsets":[0,32]}}  | tensor x lies at bytes 0 to 32 of 16
            {"x":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}  | tensor x lies at bytes 16 to 0
            {"x":{"dtype":"F32","shape":[4],"data_offsets":[-16,0]}} | tensor x has -16 where a length or an offset is due
            {"x":{"dtype":"F32","shape":[-2,-2],"data_offsets":[0,16]}} | tensor x has -2 where
            {"x":{"dtype":"F32","shape":[4],"data_offsets":[0,1e30]}} | tensor x has 1.0E30 where
            {"x":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}}  | tensor x has the shape [5] in F32, that is 20 bytes, but its data_offsets span 16
            {"x":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}} | tensor x has the absurd shape [4611686018427387905]
            {"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}} | tensor x has the absurd shape
            {"x":{"dtype":"F31","shape":[4],"data_offsets":[0,16]}}  | tensor x has the unknown format "F31"
            {"x":{"dtype":"F32","shape":[4]}}                        | tensor x needs a shape and two data_offsets
            {"x":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"y":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}} | tensor y overlaps tensor x
            {"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}  | 4 bytes between tensor x and tensor y belong to no tensor
            {"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   | 8 bytes after tensor x belong to no tensor
            {"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}} | Duplicate field 'x'
            {"x":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,16]}} | tensor x has 9223372036854775808 where
            {"x":{"dtype":"F32","shape":[4],"data_offsets":[0,9223372036854775807]}} | tensor x lies at bytes 0 to 9223372036854775807 of 16
            {"x":{"dtype":"F32","shape":[4611686018427387904,0],"data_offsets":[0,16]}} | that is 0 bytes, but its data_offsets span 16
            {"x":{"dtype":"F32","shape":[4],"dtype":"F16","data_offsets":[0,16]}} | Duplicate field 'dtype'
            {"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"y":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}} | tensor y overlaps tensor x
            {"x":{"dtype":"F32","shape":{"0":4},"data_offsets":[0,16]}} | tensor x needs a shape and two data_offsets
            {"x":7}                                                  | tensor x has the unknown format
            {"x":[[[[[[[[[[[[1]]]]]]]]]]]]}                          | nesting depth
            [1,2,3]                                                  | not a JSON object
            {"x":                                                    | not valid JSON
            """)
    void shouldRefuseALyingHeader(String header, String message) throws IOException {
        Path file = directory.resolve("lying.safetensors");
        Files.write(file, file(header.getBytes(StandardCharsets.UTF_8), 16));

        assertThatThrownBy(() -> SafeTensors.open(file)).isInstanceOf(D3sException.class)
            .hasMessageContaining(message)
            .hasMessageContaining(file.toString());
    }

    @Test
    void shouldRefuseAHeaderLongerThanTheFile() throws IOException {
        Path file = directory.resolve("cut.safetensors");
        byte[] whole = file("{}".getBytes(StandardCharsets.UTF_8), 0);
        ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).putLong(0, Long.MAX_VALUE);
        Files.write(file, whole);

        assertThatThrownBy(() -> SafeTensors.open(file)).hasMessageContaining("cut off while copying");

        Files.write(file, new byte[]{1, 2, 3});
        assertThatThrownBy(() -> SafeTensors.open(file)).hasMessageContaining("has 3 bytes, too few");
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE, 0, 1, 100_000_001, 1L << 40})
    void shouldRefuseAnAbsurdHeaderLength(long length) throws IOException {
        Path file = directory.resolve("absurd.safetensors");
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(200_000_000);
            sparse.writeLong(Long.reverseBytes(length));
        }

        assertThatThrownBy(() -> SafeTensors.open(file)).isInstanceOf(D3sException.class)
            .hasMessageContaining("says that its header has " + Long.toUnsignedString(length)
                    + " bytes in a file of 200000000");
    }

    @Test
    void shouldRefuseAHeaderThatIsSmallInTheFileAndHugeInMemory() throws IOException {
        Path file = directory.resolve("brackets.safetensors");
        Files.write(file, file(("{\"x\":[" + "[],".repeat(2_500_000) + "[]]}").getBytes(StandardCharsets.UTF_8), 0));

        assertThatThrownBy(() -> SafeTensors.open(file)).isInstanceOf(D3sException.class)
            .hasMessageContaining("Token count");
    }

    @Test
    void shouldRefuseToReadIntegersAsWeights() throws IOException {
        Path file = directory.resolve("integers.safetensors");
        Files.write(file, file("{\"x\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]}}"
            .getBytes(StandardCharsets.UTF_8), 16));

        try (SafeTensors tensors = SafeTensors.open(file)) {
            assertThatThrownBy(() -> tensors.read("x", ByteBuffer.allocate(8)))
                .hasMessageContaining("tensor x is I64; weights can be F32, F16 or BF16");
        }
    }

    private static float bfloat16(float value) {
        return Float.intBitsToFloat(SafeTensors.toBfloat16(value) << 16);
    }

    private static byte[] file(byte[] header, int valueBytes) {
        return ByteBuffer.allocate(8 + header.length + valueBytes)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(header.length)
            .put(header)
            .array();
    }

    private static SafeTensors.Source source(String name, TensorType type, float[] values, long... shape) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(4 * values.length).order(ByteOrder.nativeOrder());
        buffer.asFloatBuffer().put(values);
        return new SafeTensors.Source(name, type, shape, buffer);
    }

    private static float[] read(SafeTensors tensors, String name) {
        float[] values = new float[Math.toIntExact(tensors.entry(name).size())];
        ByteBuffer buffer = ByteBuffer.allocateDirect(4 * values.length).order(ByteOrder.nativeOrder());
        tensors.read(name, buffer);
        assertThat(buffer.hasRemaining()).isFalse();
        buffer.flip().asFloatBuffer().get(values);
        return values;
    }

    private static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        for (int index = 0; index < values.length; index++) {
            bits[index] = Float.floatToRawIntBits(values[index]);
        }
        return bits;
    }
}
