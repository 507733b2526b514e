package dev.d3s.server.rollout;

import java.util.List;

/**
 * What one client wants of a {@link ServingEngine}.
 *
 * @param prompts {@code [P]} with the completions of each
 * @param sampling how they are drawn; a limit of 0 tokens only scores the prompts
 * @param likeliest how many of the likeliest tokens are reported at each position, 0 for none
 * @param scorePrompts whether the prompts' own tokens are scored
 * @param patient waits however long it takes: it is never refused because others wait, nor are others because of it
 */
public record ServingRequest(List<GenerationRequest> prompts, SamplingSettings sampling, int likeliest,
        boolean scorePrompts, boolean patient) {
    public ServingRequest {
        prompts = List.copyOf(prompts);
    }

    /** Of a client who is told when too much waits already. */
    public ServingRequest(List<GenerationRequest> prompts, SamplingSettings sampling, int likeliest,
            boolean scorePrompts) {
        this(prompts, sampling, likeliest, scorePrompts, false);
    }

    /** Completions of all prompts. */
    public int completions() {
        return prompts.stream().mapToInt(GenerationRequest::groupSize).sum();
    }
}
