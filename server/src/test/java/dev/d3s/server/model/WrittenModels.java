package dev.d3s.server.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

import dev.d3s.server.example.ExampleModels;

/**
 * Writes a model of each family in every format, in one file and in many, and its values as plain fp32 files beside them: what
 * {@code server/src/interop/written_weights.py} compares with what other tools read. Not a test.
 */
final class WrittenModels {
    private static final long SHARD_BYTES = 200_000;

    private WrittenModels() {}

    public static void main(String[] arguments) throws IOException {
        Path target = Path.of(arguments[0]);
        for (Architecture architecture : Architecture.values()) {
            write(target.resolve(architecture.modelType()), architecture);
        }
    }

    private static void write(Path target, Architecture architecture) throws IOException {
        Path base = target.resolve("base");
        ModelConfig bytes = ExampleModels.bytes(base, 7);
        RotaryEmbedding rotary = architecture == Architecture.LLAMA
                ? new RotaryEmbedding(5e5, new RotaryEmbedding.Scaling.Llama3(32, 1, 4, 8_192))
                : RotaryEmbedding.of(1e6);
        ModelConfig config = new ModelConfig(architecture, bytes.vocabularySize(), 96, 3, 6, 2, 32, 256,
                bytes.contextLength(), rotary, 1e-5, architecture == Architecture.QWEN2,
                architecture == Architecture.QWEN3, architecture != Architecture.MISTRAL, List.of(0));
        try (MemoryWeights weights = RandomInitialization.of(config, 7)) {
            // what the byte model has in its config.json is another family's
            Files.delete(base.resolve("config.json"));
            Path values = Files.createDirectories(target.resolve("values"));
            for (SafeTensors.Source tensor : ModelDirectory.sources(config, weights, TensorType.F32)) {
                write(values.resolve(tensor.name()), tensor.values());
            }
            for (TensorType type : List.of(TensorType.F32, TensorType.F16, TensorType.BF16)) {
                ModelDirectory.write(target.resolve(type + "-whole"), config, weights, type, base);
                Path shards = target.resolve(type + "-shards");
                ModelDirectory.write(shards, config, weights, type, base);
                WeightFiles.write(shards, ModelDirectory.sources(config, weights, type), SHARD_BYTES);
            }
        }
    }

    private static void write(Path file, ByteBuffer values) throws IOException {
        ByteBuffer little = ByteBuffer.allocate(values.remaining()).order(ByteOrder.LITTLE_ENDIAN);
        little.asFloatBuffer().put(values.duplicate().order(ByteOrder.nativeOrder()).asFloatBuffer());
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            channel.write(little);
        }
    }
}
