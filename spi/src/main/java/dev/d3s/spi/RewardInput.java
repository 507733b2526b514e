package dev.d3s.spi;

import java.util.Map;

/**
 * What a grader sees of one rollout.
 *
 * @param prompt the prompt as text
 * @param completion the generated text, special tokens left out
 * @param truncated whether the completion ended at its length limit instead of an end-of-sequence token
 * @param item the dataset row's members: strings, numbers, booleans, lists and maps, as in the JSON
 */
public record RewardInput(String prompt, String completion, boolean truncated, Map<String, Object> item) {}
