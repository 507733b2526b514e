package dev.d3s.server.training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.rollout.RefreshMode;

/**
 * What a checkpoint says about the run beside weights and optimizer moments. Data order, sampling, schedules and most
 * selections are pure functions of the seed and the step; what a selector remembers is here.
 *
 * @param completedSteps steps whose update is in the weights
 * @param trainedTokens so far
 * @param generatedTokens so far
 * @param refreshMode how the rollout engine takes weights: kept because its kernels differ in the last bits
 * @param memory of the selectors after the last completed step
 * @param unevaluated the metrics of the last completed step so far, when a stop came in its evaluation, which is still to be
 *            made; {@code null} otherwise
 */
record TrainingState(int completedSteps, long trainedTokens, long generatedTokens, @Nullable RefreshMode refreshMode,
        SelectorMemories memory, @Nullable Map<String, Double> unevaluated) {
    static final TrainingState START = new TrainingState(0, 0, 0, null, SelectorMemories.NONE, null);

    private static final String FILE = "training_state.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Where, below a checkpoint directory, everything lies that a plain model directory does not have. */
    static Path trainerDirectory(Path checkpoint) {
        return checkpoint.resolve("trainer");
    }

    /** Where a checkpoint has the weights with the bits they were trained with: it may be a rounded model itself. */
    static Path exactWeights(Path checkpoint) {
        Path trainer = trainerDirectory(checkpoint);
        return ModelDirectory.hasWeights(trainer) ? trainer : checkpoint;
    }

    void write(Path checkpoint) throws IOException {
        ObjectNode node = JSON.createObjectNode();
        node.put("completed_steps", completedSteps);
        node.put("trained_tokens", trainedTokens);
        node.put("generated_tokens", generatedTokens);
        node.put("refresh_mode", refreshMode == null ? null : refreshMode.name());
        put(node, "rollout_selector", memory.rollouts());
        put(node, "token_selector", memory.tokens());
        if (unevaluated != null) {
            ObjectNode metrics = node.putObject("unevaluated");
            unevaluated.forEach((name, value) -> metrics.put(name, value));
        }
        Files.createDirectories(trainerDirectory(checkpoint));
        Files.writeString(trainerDirectory(checkpoint).resolve(FILE), node.toPrettyString());
    }

    static TrainingState read(Path checkpoint) throws IOException {
        JsonNode node = JSON.readTree(Files.readString(trainerDirectory(checkpoint).resolve(FILE)));
        String mode = node.path("refresh_mode").asText("");
        return new TrainingState(node.required("completed_steps").asInt(), node.required("trained_tokens").asLong(),
                node.required("generated_tokens").asLong(),
                mode.isEmpty() || mode.equals("null") ? null : RefreshMode.valueOf(mode),
                new SelectorMemories(bytes(node, "rollout_selector"), bytes(node, "token_selector")),
                node.has("unevaluated") ? numbers(node.path("unevaluated")) : null);
    }

    private static void put(ObjectNode node, String member, byte @Nullable [] state) {
        if (state != null) {
            node.put(member, state);
        }
    }

    private static Map<String, Double> numbers(JsonNode object) {
        Map<String, Double> numbers = new LinkedHashMap<>();
        object.properties().forEach(member -> numbers.put(member.getKey(), member.getValue().doubleValue()));
        return numbers;
    }

    private static byte @Nullable [] bytes(JsonNode node, String member) throws IOException {
        return node.has(member) ? node.path(member).binaryValue() : null;
    }
}
