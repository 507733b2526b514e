package dev.d3s.server.example;

import java.io.IOException;
import java.nio.file.Path;

import dev.d3s.server.model.MemoryWeights;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.RandomInitialization;
import dev.d3s.server.model.TensorType;

/**
 * A complete model directory of a given shape with random weights and a tokenizer of one token per byte: for measuring what a model of that size costs where the
 * real one is not at hand. Its vocabulary is as large as the shape's, of which the tokenizer uses the first 258 tokens.
 */
public final class RandomCheckpoint {
    private RandomCheckpoint() {}

    /**
     * Takes 4 bytes a parameter outside the Java heap while it writes.
     *
     * @param type format on disk: F32, F16 or BF16
     */
    public static void write(Path directory, ModelConfig config, TensorType type, long seed) throws IOException {
        TokenizerFiles.writeBytes(directory, config.contextLength());
        try (MemoryWeights weights = RandomInitialization.rough(config, seed)) {
            ModelDirectory.write(directory, config, weights, type, directory);
        }
    }
}
