package dev.d3s.server.rollout;

import java.util.List;

/**
 * What one client wants of a {@link ServingEngine}.
 *
 * @param prompts {@code [P]} with the completions of each
 * @param sampling how they are drawn; a limit of 0 tokens only scores the prompts
 * @param likeliest how many of the likeliest tokens are reported at each position, 0 for none
 * @param scorePrompts whether the prompts' own tokens are scored
 */
public record ServingRequest(List<GenerationRequest> prompts, SamplingSettings sampling, int likeliest,
        boolean scorePrompts) {
    public ServingRequest {
        prompts = List.copyOf(prompts);
    }

    /** Completions of all prompts. */
    public int completions() {
        return prompts.stream().mapToInt(GenerationRequest::groupSize).sum();
    }
}
