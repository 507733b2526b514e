package dev.d3s.server.wiring;

import java.util.Set;

import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Instance;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

import dev.d3s.natives.NativeLibraries;
import dev.d3s.server.config.ModelSources;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.config.ServingSettings;
import dev.d3s.server.evaluation.EngineEvaluation;
import dev.d3s.server.evaluation.ModelEvaluation;
import dev.d3s.server.hub.Hub;
import dev.d3s.server.hub.HubSettings;
import dev.d3s.server.planning.JobMemory;
import dev.d3s.server.plugin.GraderModels;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.registry.ModelChecks;
import dev.d3s.server.registry.ModelRelease;
import dev.d3s.server.rollout.CompletionService;
import dev.d3s.server.rollout.LivePolicies;
import dev.d3s.server.rollout.ServingLimits;
import dev.d3s.server.rollout.ServingLoad;
import dev.d3s.server.rollout.onnx.OnnxServingEngine;
import dev.d3s.server.spec.DatasetChecks;
import dev.d3s.server.spec.JobPlans;
import dev.d3s.server.telemetry.ObservedTraining;
import dev.d3s.server.telemetry.RunMetrics;
import dev.d3s.server.telemetry.RunTraces;
import dev.d3s.server.training.EngineTraining;
import dev.d3s.server.training.Training;
import dev.d3s.spi.OutgoingRequests;

/** Makes the parts of the server that know nothing of Quarkus, and closes them when it stops. */
@Singleton
final class Parts {
    /** Models that stay open for completions. */
    private static final int SERVED_MODELS = 2;

    private Parts() {}

    @Produces
    @Singleton
    static PluginRegistry plugins(ServerSettings settings, GraderModels models) {
        return PluginRegistry.discover(settings.pluginsDirectory(), settings.pluginTimeout(), models,
                Set.copyOf(settings.allowedAddresses()));
    }

    @Produces
    @Singleton
    static OutgoingRequests outgoingRequests(ServerSettings settings) {
        return new OutgoingRequests(settings::allows);
    }

    @Produces
    @Singleton
    static GraderModels graderModels(Instance<ModelCatalog> models, Instance<CompletionService> completions,
            LivePolicies policies) {
        return new ServedGraderModels(models::get, completions::get, policies);
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
    static Training training(ServerSettings settings, PluginRegistry plugins, LivePolicies policies,
            RunMetrics metrics, RunTraces traces) {
        NativeLibraries.prepare(NativeLibraries.userCache());
        return ObservedTraining.of(new EngineTraining(new OnnxTorchEngines(settings.threads()), plugins, policies),
                metrics, traces);
    }

    @Produces
    @Singleton
    static LivePolicies livePolicies(ServingSettings serving) {
        return new LivePolicies(limits(serving));
    }

    private static ServingLimits limits(ServingSettings serving) {
        return new ServingLimits(serving.slots(), serving.memory(), serving.queue(), serving.share());
    }

    @Produces
    @Singleton
    static ServingLoad servingLoad() {
        return new ServingLoad();
    }

    @Produces
    @Singleton
    static CompletionService completions(ServerSettings settings, ServingSettings serving, LivePolicies policies,
            ServingLoad load) {
        NativeLibraries.prepare(NativeLibraries.userCache());
        return new CompletionService(new DirectoryModels(),
                (config, weights) -> OnnxServingEngine.open(config, weights, settings.threads(), limits(serving)),
                policies, SERVED_MODELS, load);
    }

    @Produces
    @Singleton
    static ModelEvaluation evaluation(CompletionService completions, PluginRegistry plugins) {
        return new EngineEvaluation(completions::complete, plugins);
    }

    static void close(@Disposes CompletionService completions) {
        completions.close();
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

    @Produces
    @Singleton
    static JobPlans jobPlans(ServerSettings settings, QueueSettings queue) {
        Long limit = settings.memory().limit();
        return new JobPlanner(
                new JobMemory(settings.threads(), limit == null ? 0 : limit, settings.memory().reserve()),
                // jobs that run at once share the processors
                Math.max(1, settings.threads() / queue.concurrent()));
    }
}
