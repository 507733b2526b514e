package dev.d3s.server.wiring;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;

import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.registry.ModelChecks;

/** Looks at a model directory before a job is accepted: files, configuration and the headers of the weights. */
final class ModelReader implements ModelChecks {
    @Override
    public List<String> problems(Path directory) {
        try {
            return ModelDirectory.check(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public List<String> problemsBesideWeights(Path directory) {
        try {
            return ModelDirectory.checkBesideWeights(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
