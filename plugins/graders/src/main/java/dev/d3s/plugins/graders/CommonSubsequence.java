package dev.d3s.plugins.graders;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Length of the longest common subsequence, 64 columns at a time (Hyyrö, "Bit-parallel LCS-length computation revisited",
 * 2004): a zero bit of {@code row} says that the length grows at that column. Takes |a| x |b| / 64 operations and memory
 * linear in both.
 */
final class CommonSubsequence {
    private CommonSubsequence() {}

    /** @throws InterruptedException when the thread is interrupted meanwhile */
    static int length(List<?> a, List<?> b) throws InterruptedException {
        Map<Object, Integer> codes = new HashMap<>();
        return length(coded(a, codes), coded(b, codes), codes.size());
    }

    /** Of the characters of two texts, those outside the basic plane counted once. */
    static int length(String a, String b) throws InterruptedException {
        return length(a.codePoints().boxed().toList(), b.codePoints().boxed().toList());
    }

    private static int[] coded(List<?> elements, Map<Object, Integer> codes) {
        int[] coded = new int[elements.size()];
        for (int i = 0; i < coded.length; i++) {
            coded[i] = codes.computeIfAbsent(elements.get(i), element -> codes.size());
        }
        return coded;
    }

    private static int length(int[] a, int[] b, int codes) throws InterruptedException {
        long[] columns = new long[codes]; // where in this block of a an element stands
        boolean[] carry = new boolean[b.length]; // from the block to the left, by row
        int length = 0;
        for (int block = 0; block < a.length; block += Long.SIZE) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            int width = Math.min(Long.SIZE, a.length - block);
            Arrays.fill(columns, 0);
            for (int i = 0; i < width; i++) {
                columns[a[block + i]] |= 1L << i;
            }
            long row = -1L;
            for (int j = 0; j < b.length; j++) {
                long matches = row & columns[b[j]];
                long partial = row + matches;
                long sum = partial + (carry[j] ? 1 : 0);
                carry[j] = Long.compareUnsigned(partial, row) < 0 || Long.compareUnsigned(sum, partial) < 0;
                row = sum | (row & ~matches);
            }
            long used = width == Long.SIZE ? -1L : (1L << width) - 1;
            length += Long.bitCount(~row & used);
        }
        return length;
    }
}
