package dev.d3s.server.rollout;

import java.io.IOException;
import java.nio.file.Path;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.model.Weights;

/** Reads a model directory for {@link CompletionService}. */
public interface ModelOpener {
    /**
     * @throws IOException when the directory cannot be read
     * @throws dev.d3s.spi.D3sException when it is not a model
     */
    OpenModel open(Path directory) throws IOException;

    /** The tokenizer of a model directory alone; the caller closes it. */
    Tokenizer tokenizer(Path directory) throws IOException;

    /**
     * A model in memory.
     *
     * @param release frees tokenizer and weights; called once, after the engine over them is closed
     */
    record OpenModel(ModelConfig config, Weights weights, Tokenizer tokenizer, Runnable release) {
        /** A model whose weights need nothing to be freed. */
        public static OpenModel of(ModelConfig config, Weights weights, Tokenizer tokenizer) {
            return new OpenModel(config, weights, tokenizer, tokenizer::close);
        }
    }
}
