package dev.d3s.server.wiring;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.example.ExampleModels;
import io.quarkus.runtime.StartupEvent;

/**
 * Puts the example's base model, {@value ExampleModels#ARITHMETIC}, into an empty models directory, so that a new server has
 * something to train. Once, at start, on the main thread.
 */
@Singleton
class ExampleModelAtStart {
    private static final long SEED = 7;

    private final ServerSettings settings;

    @Inject
    ExampleModelAtStart(ServerSettings settings) {
        this.settings = settings;
    }

    void start(@Observes StartupEvent event) {
        Path models = settings.modelsDirectory();
        try {
            Files.createDirectories(models);
            try (var found = Files.list(models)) {
                if (found.findAny().isPresent()) {
                    return;
                }
            }
            // under its final name only when it is complete
            Path unfinished = models.resolve("." + ExampleModels.ARITHMETIC);
            ExampleModels.arithmetic(unfinished, SEED);
            Files.move(unfinished, models.resolve(ExampleModels.ARITHMETIC));
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write the example model into " + models, e);
        }
    }
}
