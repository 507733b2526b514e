package dev.d3s.server.training;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.selection.RolloutLevel;
import dev.d3s.server.selection.TokenLevel;

/**
 * What a job's selectors remember between steps.
 *
 * @param rollouts of the rollout selector; {@code null} when it remembers nothing
 * @param tokens of the token selector; {@code null} when it remembers nothing
 */
record SelectorMemories(byte @Nullable [] rollouts, byte @Nullable [] tokens) {
    static final SelectorMemories NONE = new SelectorMemories(null, null);

    static SelectorMemories of(RolloutLevel rollouts, TokenLevel tokens) {
        return new SelectorMemories(rollouts.state(), tokens.state());
    }

    void restore(RolloutLevel rolloutLevel, TokenLevel tokenLevel) {
        rolloutLevel.restore(rollouts);
        tokenLevel.restore(tokens);
    }
}
