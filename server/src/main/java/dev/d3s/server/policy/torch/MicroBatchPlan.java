package dev.d3s.server.policy.torch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * How sequences are cut into micro-batches and who computes them. Sequences are taken from the longest to the shortest, so
 * that those padded to the same length hardly differ; each worker gets whole micro-batches, decided here and not by who is
 * free first: the same sequences and settings give the same sums in the same order.
 *
 * @param microBatches indices of sequences, the longest first
 * @param worker {@code [micro-batch]} who computes it
 * @param paddedTokens sum over micro-batches of sequences times longest input
 */
record MicroBatchPlan(List<int[]> microBatches, int[] worker, long paddedTokens) {
    /**
     * @param inputLength {@code [sequence]} tokens that the decoder reads
     * @param workers how many compute side by side; each gets one if there are enough sequences
     * @param budget most padded tokens of a micro-batch of more than one sequence
     */
    static MicroBatchPlan of(int[] inputLength, int workers, int budget) {
        int[] byLength = sortedByFallingLength(inputLength);
        int longest = inputLength[byLength[0]];
        int count = cut(inputLength, byLength, budget).size();
        int wanted = Math.min((count + workers - 1) / workers * workers, inputLength.length);
        // the smallest budget that still gives as many micro-batches spreads the work evenly
        int low = Math.min(longest, budget);
        int high = budget;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (cut(inputLength, byLength, middle).size() <= wanted) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        List<int[]> microBatches = cut(inputLength, byLength, high);
        return assigned(microBatches, inputLength, workers);
    }

    /** The longest remaining micro-batch goes to the worker with the least to do. */
    private static MicroBatchPlan assigned(List<int[]> microBatches, int[] inputLength, int workers) {
        long[] cost = microBatches.stream().mapToLong(batch -> padded(batch, inputLength)).toArray();
        int[] worker = new int[cost.length];
        long[] load = new long[workers];
        Integer[] order = boxedRange(cost.length);
        Arrays.sort(order, Comparator.comparingLong((Integer index) -> cost[index]).reversed());
        for (int index : order) {
            int least = 0;
            for (int candidate = 1; candidate < workers; candidate++) {
                if (load[candidate] < load[least]) {
                    least = candidate;
                }
            }
            worker[index] = least;
            load[least] += cost[index];
        }
        return new MicroBatchPlan(microBatches, worker, Arrays.stream(cost).sum());
    }

    private static List<int[]> cut(int[] inputLength, int[] byLength, int budget) {
        List<int[]> microBatches = new ArrayList<>();
        int start = 0;
        while (start < byLength.length) {
            int length = inputLength[byLength[start]];
            int size = Math.clamp(budget / length, 1, byLength.length - start);
            microBatches.add(Arrays.copyOfRange(byLength, start, start + size));
            start += size;
        }
        return microBatches;
    }

    private static int[] sortedByFallingLength(int[] inputLength) {
        Integer[] order = boxedRange(inputLength.length);
        Arrays.sort(order, Comparator.comparingInt((Integer index) -> inputLength[index]).reversed());
        return Arrays.stream(order).mapToInt(Integer::intValue).toArray();
    }

    private static Integer[] boxedRange(int size) {
        Integer[] range = new Integer[size];
        Arrays.setAll(range, index -> index);
        return range;
    }

    private static long padded(int[] microBatch, int[] inputLength) {
        return (long) microBatch.length * inputLength[microBatch[0]];
    }
}
