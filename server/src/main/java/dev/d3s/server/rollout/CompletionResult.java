package dev.d3s.server.rollout;

import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * What a {@link CompletionRequest} gives.
 *
 * @param prompts {@code [P]}
 * @param choices {@code [P * n]}, those of one prompt adjacent
 * @param usage token counts
 * @param weights the weights that gave it: of a live policy its versions, ascending, such as {@code policy-12} or {@code
 *            policy-12-13}; otherwise an identity of the model's files
 */
public record CompletionResult(List<Prompt> prompts, List<Choice> choices, Usage usage, String weights) {
    public CompletionResult {
        prompts = List.copyOf(prompts);
        choices = List.copyOf(choices);
    }

    /**
     * A prompt.
     *
     * @param text as given or rendered, or decoded from the ids
     * @param tokens {@code [T]} ids
     * @param scored {@code [T]} the first without log-probability; {@code null} unless it was asked for
     */
    public record Prompt(String text, int[] tokens, @Nullable Piece scored) {}

    /**
     * Tokens and what is known of each of them.
     *
     * @param text of all of them
     * @param tokens {@code [T]} ids
     * @param pieces {@code [T]} what each token adds to the text; empty where it takes further tokens to make a character
     * @param logprobs {@code [T]}, NaN where there is none
     * @param top {@code [T]} the likeliest tokens in their places, with their texts; empty unless they were asked for
     */
    public record Piece(String text, int[] tokens, List<String> pieces, float[] logprobs, List<Top> top) {
        public Piece {
            pieces = List.copyOf(pieces);
            top = List.copyOf(top);
        }
    }

    /**
     * The likeliest tokens at one position, the likeliest first.
     *
     * @param tokens {@code [L]} ids
     * @param texts {@code [L]}
     * @param logprobs {@code [L]}
     */
    public record Top(int[] tokens, List<String> texts, float[] logprobs) {
        /** At a position without any. */
        public static final Top NONE = new Top(new int[0], List.of(), new float[0]);

        public Top {
            texts = List.copyOf(texts);
        }
    }

    /**
     * One completion.
     *
     * @param prompt index of its prompt
     * @param whole its text up to the stop text, special tokens left out; its tokens with the end-of-sequence token and
     *            those of the stop text
     * @param finishReason {@link FinishReason#STOP} also when a stop text ended it
     */
    public record Choice(int prompt, Piece whole, FinishReason finishReason) {}

    /**
     * Token counts.
     *
     * @param promptTokens each prompt once, however many completions it has
     * @param completionTokens of all completions
     */
    public record Usage(int promptTokens, int completionTokens) {
        public int totalTokens() {
            return promptTokens + completionTokens;
        }
    }
}
