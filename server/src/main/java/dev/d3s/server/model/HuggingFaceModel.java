package dev.d3s.server.model;

import java.nio.file.Path;

/**
 * A model directory, open: what training and rollouts start from. Whoever opened it closes it; the weights can be closed earlier, as
 * soon as the engines hold their own.
 *
 * @param directory where it came from, and where its tokenizer files are copied from when a trained model is written
 */
public record HuggingFaceModel(Path directory, ModelConfig config, MemoryWeights weights, Tokenizer tokenizer)
        implements
            AutoCloseable {
    @Override
    public void close() {
        weights.close();
        tokenizer.close();
    }
}
