package dev.d3s.spi;

import java.util.Map;

/**
 * What a grader sees of one rollout.
 *
 * @param prompt the text that the model saw: the row's prompt, or what the model's chat template wrote for its messages
 * @param completion the generated text, special tokens left out
 * @param truncated whether the completion ended at its length limit instead of an end-of-sequence token
 * @param item the dataset row's members: strings, numbers, booleans, lists and maps, as in the JSON
 * @param completionTokens generated tokens, the end-of-sequence token included; {@link #UNKNOWN} where nothing was generated,
 *            as when a grader is tried on a text
 */
public record RewardInput(String prompt, String completion, boolean truncated, Map<String, Object> item,
        int completionTokens) {
    /** A number of tokens that is not known. */
    public static final int UNKNOWN = -1;

    /** Of a completion whose number of tokens is not known. */
    public RewardInput(String prompt, String completion, boolean truncated, Map<String, Object> item) {
        this(prompt, completion, truncated, item, UNKNOWN);
    }
}
