package dev.d3s.server.wiring;

import java.io.IOException;
import java.nio.file.Path;

import dev.d3s.server.model.HuggingFaceModel;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.rollout.ModelOpener;

/** Opens models for completions. */
final class DirectoryModels implements ModelOpener {
    @Override
    public OpenModel open(Path directory) throws IOException {
        HuggingFaceModel model = ModelDirectory.open(directory);
        return new OpenModel(model.config(), model.weights(), model.tokenizer(), model::close);
    }

    @Override
    public Tokenizer tokenizer(Path directory) throws IOException {
        return ModelDirectory.tokenizer(directory);
    }
}
