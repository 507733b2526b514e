package dev.d3s.server.planning;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.policy.PolicySettings;

/**
 * What of a job decides its memory.
 *
 * @param config shape of the model
 * @param policy what is trained, and in which numbers
 * @param reference whether a frozen copy of the model scores along, for a KL term
 * @param prompts P, generated from in one step or evaluation
 * @param groupSize G, 1 where each prompt gets one completion
 * @param longestPrompt tokens
 * @param maxTokens most generated after a prompt
 * @param sequences most that one update trains on
 * @param longestTrained tokens of the longest of them, prompt included
 * @param longestCompletion trained tokens of it, before any is dropped
 * @param tokenKeepRatio largest share of them that is kept
 */
public record Workload(ModelConfig config, PolicySettings policy, boolean reference, int prompts, int groupSize,
        int longestPrompt, int maxTokens, int sequences, int longestTrained, int longestCompletion,
        double tokenKeepRatio) {
    /** Positions of a slot of the rollout engine. */
    int longestGenerated() {
        return longestPrompt + maxTokens;
    }

    Workload with(PolicySettings other) {
        return new Workload(config, other, reference, prompts, groupSize, longestPrompt, maxTokens, sequences,
                longestTrained, longestCompletion, tokenKeepRatio);
    }

    Workload withoutReference() {
        return new Workload(config, policy, false, prompts, groupSize, longestPrompt, maxTokens, sequences,
                longestTrained, longestCompletion, tokenKeepRatio);
    }

    /** With completions of this length at most; whether they are what is trained on is for the caller to know. */
    Workload withMaxTokens(int tokens) {
        return new Workload(config, policy, reference, prompts, groupSize, longestPrompt, tokens, sequences,
                longestPrompt + tokens, tokens, tokenKeepRatio);
    }

    Workload withGroupSize(int size) {
        return new Workload(config, policy, reference, prompts, size, longestPrompt, maxTokens,
                Math.max(1, (int) ((long) sequences * size / groupSize)), longestTrained, longestCompletion,
                tokenKeepRatio);
    }

    /** Whether it trains on what it generates. */
    boolean reinforcement() {
        return groupSize > 1;
    }
}
