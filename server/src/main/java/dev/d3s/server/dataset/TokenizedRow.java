package dev.d3s.server.dataset;

import org.jspecify.annotations.Nullable;

/**
 * A row as the engines take it.
 *
 * @param row the row itself, with its prompt as the model's chat template writes it
 * @param prompt token ids, at least one
 * @param completion token ids up to the end of what is to be imitated; {@code null} when the row has no completion
 * @param imitated {@code [T]} which tokens of the completion the loss covers: between two answers of the assistant there are messages of others.
 *        {@code null} for all of them
 */
public record TokenizedRow(DatasetRow row, int[] prompt, int @Nullable [] completion,
        boolean @Nullable [] imitated) {
    public TokenizedRow(DatasetRow row, int[] prompt, int @Nullable [] completion) {
        this(row, prompt, completion, null);
    }

    /** Number of tokens that the loss covers. */
    public int imitatedTokens() {
        if (completion == null || imitated == null) {
            return completion == null ? 0 : completion.length;
        }
        int count = 0;
        for (boolean one : imitated) {
            count += one ? 1 : 0;
        }
        return count;
    }
}
