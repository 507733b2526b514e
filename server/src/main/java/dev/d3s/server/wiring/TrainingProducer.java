package dev.d3s.server.wiring;

import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

import dev.d3s.natives.NativeLibraries;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.training.EngineTraining;
import dev.d3s.server.training.Training;

/** Makes the parts that know nothing of Quarkus. */
@Singleton
final class TrainingProducer {
    private TrainingProducer() {}

    @Produces
    @Singleton
    static PluginRegistry plugins(ServerSettings settings) {
        return PluginRegistry.discover(settings.pluginsDirectory());
    }

    static void close(@Disposes PluginRegistry plugins) {
        plugins.close();
    }

    @Produces
    @Singleton
    static Training training(ServerSettings settings, PluginRegistry plugins) {
        NativeLibraries.prepare(NativeLibraries.userCache());
        return new EngineTraining(new OnnxTorchEngines(settings.threads()), plugins);
    }
}
