package dev.d3s.server.wiring;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
import dev.d3s.server.plugin.GraderModels;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.rollout.CompletionListener;
import dev.d3s.server.rollout.CompletionRequest;
import dev.d3s.server.rollout.CompletionResult;
import dev.d3s.server.rollout.Completions;
import dev.d3s.server.rollout.FinishReason;
import dev.d3s.server.rollout.LivePolicies;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.ModelCompletion;
import dev.d3s.spi.ModelRequest;

/**
 * Lets graders sample this server's models, in the slots that its clients share. A policy in training is refused: its
 * engine serves while its job generates, and the job may be waiting for just this grader.
 */
final class ServedGraderModels implements GraderModels {
    private final Supplier<ModelCatalog> models;
    private final Supplier<? extends Completions> completions;
    private final LivePolicies policies;

    /** @param models asked for when they are needed, because making them may need plugins */
    ServedGraderModels(Supplier<ModelCatalog> models, Supplier<? extends Completions> completions,
            LivePolicies policies) {
        this.models = models;
        this.completions = completions;
        this.policies = policies;
    }

    @Override
    public @Nullable String problem(String organization, String model) {
        Caller caller = Caller.server(organization);
        Optional<ModelCatalog.Model> found = models.get().find(caller, model);
        if (found.isPresent()) {
            return null;
        }
        if (policies.find(model)
            .flatMap(policy -> models.get().trainedBy(caller, policy.names().getLast()))
            .isPresent()) {
            return "'" + model
                    + "' is being trained: a grader that samples it would wait for a job that may wait for the "
                    + "grader. Name a checkpoint of it.";
        }
        return "There is no model '" + model + "'; there are "
                + models.get().models(caller).stream().map(ModelCatalog.Model::id).collect(Collectors.joining(", "))
                + ".";
    }

    @Override
    public ModelCompletion complete(String organization, ModelRequest request) throws InterruptedException {
        String problem = problem(organization, request.model());
        if (problem != null) {
            throw new D3sException(ErrorCategory.USER, "model_not_found", problem);
        }
        Long seed = request.seed();
        String text = request.prompt();
        CompletionRequest.Prompt prompt = text != null
                ? new CompletionRequest.Prompt.Text(text)
                : new CompletionRequest.Prompt.Chat(messages(request.messages()), null, Map.of());
        CompletionRequest wanted = new CompletionRequest(
                models.get().model(Caller.server(organization), request.model()).directory(),
                List.of(prompt), 1,
                new SamplingSettings(request.maxTokens(), request.temperature(), request.topP(), 0, 0,
                        seed == null ? ThreadLocalRandom.current().nextLong() : seed),
                List.of());
        try {
            CompletionResult result = completions.get().complete(wanted, CompletionListener.NONE);
            CompletionResult.Choice choice = result.choices().getFirst();
            return new ModelCompletion(choice.whole().text(), choice.finishReason() == FinishReason.LENGTH,
                    result.usage().promptTokens(), result.usage().completionTokens());
        } catch (CancellationException e) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            throw e;
        }
    }

    private static List<Map<String, Object>> messages(List<ModelRequest.Message> messages) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (ModelRequest.Message message : messages) {
            String role = message.role().equals("developer") ? "system" : message.role();
            all.add(Map.of("role", role, "content", message.content()));
        }
        return all;
    }
}
