package dev.d3s.server.spec;

import java.util.Map;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.planning.EngineSettings;
import dev.d3s.server.training.TrainingSettings;

/**
 * What a job was asked to do, with nothing left to be filled in.
 *
 * @param model id of the model it starts from
 * @param trainingFile id of an uploaded file
 * @param validationFile id of an uploaded file
 * @param seed of all randomness
 * @param suffix part of the fine-tuned model's id
 * @param metadata the client's own
 * @param hyperparameters the members OpenAI's format has a word for
 * @param settings for the training loop
 * @param engines how they use the machine; {@code null} leaves it to them
 * @param priority among its organization's jobs, higher first
 * @param request the whole as JSON: submitting it again repeats the job
 */
public record JobSpec(String model, String trainingFile, @Nullable String validationFile, long seed,
        @Nullable String suffix, Map<String, String> metadata, Hyperparameters hyperparameters,
        TrainingSettings settings, @Nullable EngineSettings engines, int priority, ObjectNode request) {
    public JobSpec {
        metadata = Map.copyOf(metadata);
    }

    /** Whether the number of steps is known: not where it depends on rows that nobody has counted yet. */
    public boolean counted() {
        JsonNode method = request.path("method");
        return method.path(method.path("type").asText()).path("d3s").has("steps");
    }

    /** What OpenAI's format calls the hyperparameters of a job. */
    public record Hyperparameters(int epochs, int batchSize, double learningRateMultiplier) {}
}
