package dev.d3s.server.example;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

import dev.d3s.server.model.MemoryWeights;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.RandomInitialization;

/**
 * Small Qwen2 models with random weights, written as Hugging Face directories: hidden 96, 3 layers, 6 query and 2 key/value heads of 16, SwiGLU 256,
 * tied embeddings; 0.3 million parameters. A pure function of the seed.
 */
public final class ExampleModels {
    /** Standard deviation of the first weights: at Qwen2's 0.02, models this narrow learn several times more slowly. */
    public static final double RANGE = 0.06;

    private ExampleModels() {}

    /** Model id of {@link #arithmetic}. */
    public static final String ARITHMETIC = "arithmetic-base";

    /** The demo's starting point: 32 symbols, context 512. See {@link ArithmeticTask}. */
    public static ModelConfig arithmetic(Path directory, long seed) throws IOException {
        int context = 512;
        return write(directory, TokenizerFiles.writeCharacters(directory, context), context, seed);
    }

    /** Takes any text, one token per byte: context 1024. For tests with real text. */
    public static ModelConfig bytes(Path directory, long seed) throws IOException {
        int context = 1024;
        return write(directory, TokenizerFiles.writeBytes(directory, context), context, seed);
    }

    private static ModelConfig write(Path directory, int vocabulary, int context, long seed) throws IOException {
        ModelConfig config = ModelConfig.qwen2(vocabulary, 96, 3, 6, 2, 16, 256, context, 10_000, 1e-6, true,
                List.of(0));
        try (MemoryWeights weights = RandomInitialization.of(config, seed, RANGE)) {
            ModelDirectory.write(directory, config, weights, directory);
        }
        return config;
    }
}
