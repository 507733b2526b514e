package dev.d3s.server.training;

import java.util.ArrayList;
import java.util.List;

import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.FinishReason;

/**
 * All rollouts of one step, group by group.
 *
 * @param prompt {@code [R]} prompt tokens
 * @param completion {@code [R]}
 * @param group {@code [R]} index of the prompt, ascending
 * @param groupCount P
 */
record Rollouts(List<int[]> prompt, List<Completion> completion, int[] group, int groupCount) {
    static Rollouts of(List<CompletionGroup> groups) {
        List<int[]> prompt = new ArrayList<>();
        List<Completion> completion = new ArrayList<>();
        List<Integer> group = new ArrayList<>();
        for (int p = 0; p < groups.size(); p++) {
            for (Completion one : groups.get(p).completions()) {
                prompt.add(groups.get(p).prompt());
                completion.add(one);
                group.add(p);
            }
        }
        return new Rollouts(prompt, completion, group.stream().mapToInt(Integer::intValue).toArray(), groups.size());
    }

    /** R. */
    int size() {
        return completion.size();
    }

    /** {@code [R]} completion lengths in tokens. */
    int[] lengths() {
        return completion.stream().mapToInt(Completion::length).toArray();
    }

    long tokenCount() {
        return completion.stream().mapToLong(Completion::length).sum();
    }

    /** Share of completions that hit the length limit. */
    double truncatedRatio() {
        return (double) completion.stream().filter(one -> one.finishReason() == FinishReason.LENGTH).count() / size();
    }

    /** {@code [R][T]} as the rollout engine reported them, nats. */
    float[][] entropies() {
        return completion.stream().map(Completion::entropies).toArray(float[][]::new);
    }

    /** Prompt and completion of one rollout. */
    int[] tokens(int rollout) {
        int[] before = prompt.get(rollout);
        int[] after = completion.get(rollout).tokens();
        int[] tokens = new int[before.length + after.length];
        System.arraycopy(before, 0, tokens, 0, before.length);
        System.arraycopy(after, 0, tokens, before.length, after.length);
        return tokens;
    }
}
