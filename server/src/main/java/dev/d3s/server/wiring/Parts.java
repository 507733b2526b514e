package dev.d3s.server.wiring;

import java.util.Set;

import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

import dev.d3s.natives.NativeLibraries;
import dev.d3s.server.api.CompletionEndpoint;
import dev.d3s.server.config.ModelSources;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.evaluation.EngineEvaluation;
import dev.d3s.server.evaluation.ModelEvaluation;
import dev.d3s.server.hub.Hub;
import dev.d3s.server.hub.HubSettings;
import dev.d3s.server.job.DatasetChecks;
import dev.d3s.server.job.ModelChecks;
import dev.d3s.server.job.ModelRelease;
import dev.d3s.server.model.HuggingFaceModel;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.plugin.GraderModels;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.rollout.CompletionService;
import dev.d3s.server.rollout.ModelOpener;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.onnx.OnnxRolloutEngine;
import dev.d3s.server.rollout.onnx.OnnxRolloutSettings;
import dev.d3s.server.training.EngineTraining;
import dev.d3s.server.training.Training;

/** Makes the parts of the server that know nothing of Quarkus, and closes them when it stops. */
@Singleton
final class Parts {
    /** Models that stay open for completions. */
    private static final int SERVED_MODELS = 2;
    /** Completions of one model that are decoded together. */
    private static final int SERVED_TOGETHER = 16;

    private Parts() {}

    @Produces
    @Singleton
    static PluginRegistry plugins(ServerSettings settings, GraderModels models) {
        return PluginRegistry.discover(settings.pluginsDirectory(), settings.pluginTimeout(), models,
                Set.copyOf(settings.graderAddresses()));
    }

    @Produces
    @Singleton
    static GraderModels graderModels() {
        return GraderModels.none();
    }

    static void close(@Disposes PluginRegistry plugins) {
        plugins.close();
    }

    @Produces
    @Singleton
    static Hub hub(ServerSettings settings) {
        ModelSources sources = settings.modelSources();
        return new Hub(HubSettings.of(sources.endpoint(), sources.token()));
    }

    static void close(@Disposes Hub hub) {
        hub.close();
    }

    @Produces
    @Singleton
    static Training training(ServerSettings settings, PluginRegistry plugins) {
        NativeLibraries.prepare(NativeLibraries.userCache());
        return new EngineTraining(new OnnxTorchEngines(settings.threads()), plugins);
    }

    @Produces
    @Singleton
    static CompletionService completions(ServerSettings settings) {
        NativeLibraries.prepare(NativeLibraries.userCache());
        return new CompletionService(Parts::open,
                (config, weights) -> OnnxRolloutEngine.open(config, weights,
                        OnnxRolloutSettings.forModel(config, settings.threads(), config.contextLength(), Long.MAX_VALUE)
                            .withConcurrency(SERVED_TOGETHER)
                            .with(RefreshMode.RECREATE)),
                SERVED_MODELS);
    }

    @Produces
    @Singleton
    static ModelEvaluation evaluation(CompletionService completions, PluginRegistry plugins) {
        return new EngineEvaluation(completions::complete, plugins);
    }

    static void close(@Disposes CompletionService completions) {
        completions.close();
    }

    private static ModelOpener.OpenModel open(java.nio.file.Path directory) throws java.io.IOException {
        HuggingFaceModel model = ModelDirectory.open(directory);
        return new ModelOpener.OpenModel(model.config(), model.weights(), model.tokenizer(), model::close);
    }

    @Produces
    @Singleton
    static CompletionEndpoint completionEndpoint(CompletionService completions) {
        return new CompletionAdapter(completions);
    }

    @Produces
    @Singleton
    static ModelRelease modelRelease(CompletionService completions) {
        return completions::forget;
    }

    @Produces
    @Singleton
    static ModelChecks modelChecks() {
        return new ModelReader();
    }

    @Produces
    @Singleton
    static DatasetChecks datasetChecks() {
        return new DatasetReader();
    }
}
