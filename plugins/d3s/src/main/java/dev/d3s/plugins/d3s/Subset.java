package dev.d3s.plugins.d3s;

/** Chooses so many of some values: the rule of a selector. Pure. */
@FunctionalInterface
public interface Subset {
    /**
     * @param values {@code [R]} finite
     * @param size N, 0 &lt;= N &lt;= R
     * @param seed decides among equals
     * @return {@code [N]} indices into {@code values}, in ascending order
     */
    int[] of(double[] values, int size, long seed);
}
