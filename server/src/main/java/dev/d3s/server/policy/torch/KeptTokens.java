package dev.d3s.server.policy.torch;

import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.torch.TorchPolicy.Coverage;

/**
 * The tokens of one sequence whose log-probabilities are wanted. Token t is predicted from those before it, so the decoder
 * reads {@link #inputLength} tokens: all before the last kept one.
 *
 * @param tokens prompt and completion
 * @param kept indices into {@code tokens}, rising, each at least 1
 */
record KeptTokens(int[] tokens, int[] kept) {
    /** The tokens from an index to the end. */
    static KeptTokens from(int[] tokens, int first) {
        return new KeptTokens(tokens, IntStream.range(first, tokens.length).toArray());
    }

    /** The completion tokens with a weight other than 0. */
    static KeptTokens weighted(int[] tokens, int promptLength, float[] weight) {
        return of(tokens, promptLength, weight.length, token -> weight[token] != 0);
    }

    /** The tokens of an update that are computed. */
    static KeptTokens of(TrainingSequence sequence, Coverage coverage) {
        return switch (coverage) {
            case KEPT -> weighted(sequence.tokens(), sequence.promptLength(), sequence.lossWeight());
            case ALL -> from(sequence.tokens(), sequence.promptLength());
        };
    }

    /** The completion tokens that are true. */
    static KeptTokens chosen(int[] tokens, int promptLength, boolean[] chosen) {
        return of(tokens, promptLength, chosen.length, token -> chosen[token]);
    }

    private static KeptTokens of(int[] tokens, int promptLength, int completionLength, IntPredicate kept) {
        return new KeptTokens(tokens, IntStream.range(0, completionLength)
            .filter(kept)
            .map(token -> promptLength + token)
            .toArray());
    }

    int inputLength() {
        return kept[kept.length - 1];
    }

    int[] targets() {
        return Arrays.stream(kept).map(index -> tokens[index]).toArray();
    }
}
