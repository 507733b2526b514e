package dev.d3s.server.rollout;

import java.util.List;

/**
 * The completions of one prompt, in the order of the request's identities.
 *
 * @param prompt token ids
 * @param completions {@code [G]}
 */
public record CompletionGroup(int[] prompt, List<Completion> completions) {
    public CompletionGroup {
        completions = List.copyOf(completions);
    }
}
