package dev.d3s.server.rollout;

import java.nio.file.Path;
import java.util.List;

/**
 * Completions of some prompts by one model.
 *
 * @param model a model directory
 * @param prompts at least one
 * @param n completions of each prompt, at least 1
 * @param sampling how they are drawn; completion {@code i} of prompt {@code p} is the same for the same seed
 * @param stop texts that end a completion; they are not part of its text
 */
public record CompletionRequest(Path model, List<Prompt> prompts, int n, SamplingSettings sampling,
        List<String> stop) {
    public CompletionRequest {
        prompts = List.copyOf(prompts);
        stop = stop.stream().filter(text -> !text.isEmpty()).toList();
    }

    /** A prompt as a client may give it. */
    public sealed interface Prompt {
        /** To be tokenized with the model's tokenizer, behind what the model wants at the beginning. */
        record Text(String text) implements Prompt {}

        /** Token ids of the model. */
        record Tokens(int[] tokens) implements Prompt {}
    }
}
