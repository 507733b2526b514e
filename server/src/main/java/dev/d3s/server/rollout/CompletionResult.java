package dev.d3s.server.rollout;

import java.util.List;

/**
 * What a {@link CompletionRequest} gives.
 *
 * @param prompts {@code [P]} token ids
 * @param promptTexts {@code [P]} as given, or decoded from the ids
 * @param choices {@code [P * n]}, those of one prompt adjacent
 * @param usage token counts
 */
public record CompletionResult(List<int[]> prompts, List<String> promptTexts, List<Choice> choices, Usage usage) {
    public CompletionResult {
        prompts = List.copyOf(prompts);
        promptTexts = List.copyOf(promptTexts);
        choices = List.copyOf(choices);
    }

    /**
     * One completion.
     *
     * @param prompt index of its prompt
     * @param text up to the stop text, special tokens left out
     * @param tokens {@code [T]} ids, the end-of-sequence token and those of the stop text included
     * @param pieces {@code [T]} what each token adds to the text; empty where it takes further tokens to make a character
     * @param logprobs {@code [T]}
     * @param finishReason {@link FinishReason#STOP} also when a stop text ended it
     */
    public record Choice(int prompt, String text, int[] tokens, List<String> pieces, float[] logprobs,
            FinishReason finishReason) {
        public Choice {
            pieces = List.copyOf(pieces);
        }
    }

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
