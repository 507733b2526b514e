package dev.d3s.server.selection;

import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * What both levels did to one rollout, so that a person can see it. The training loop describes a few rollouts of a step
 * like this; they are stored with the step's metrics and served as they are. It stands beside what it tells about because
 * everything between the loop and HTTP sees this package.
 *
 * @param group index of its prompt in the step, from 0
 * @param index in its group, from 0
 * @param prompt text
 * @param completion text of {@code tokens}, as a grader sees it
 * @param reward {@code null} when its grader failed
 * @param error the grader's, when it failed
 * @param advantage in its group, before anything was dropped
 * @param trainedAdvantage what a kept rollout is trained with: a selector may have replaced its advantage; {@code null}
 *            when dropped
 * @param kept at the rollout level; it may still have lost all of its tokens at the token level
 * @param finishReason why it ended: stop, length
 * @param length completion tokens
 * @param truncated whether the prompt or the completion is longer than what was recorded of it
 * @param tokens of the completion, its first ones when truncated
 */
public record RecordedRollout(int group, int index, String prompt, String completion, @Nullable Double reward,
        @Nullable String error, double advantage, @Nullable Double trainedAdvantage, boolean kept, String finishReason,
        int length, boolean truncated, List<Token> tokens) {
    public RecordedRollout {
        tokens = List.copyOf(tokens);
    }

    /**
     * One token of a completion.
     *
     * @param id in the vocabulary
     * @param text that this token completes: a token that ends inside a character has none, and neither has a special one
     * @param logprob of the rollout engine
     * @param entropy in nats: the one that ranked it; for a dropped rollout the rollout engine's
     * @param kept whether it has a term in the loss
     * @param weight the token selector's factor on that term; 0 when dropped
     */
    public record Token(int id, String text, float logprob, float entropy, boolean kept, float weight) {}
}
