package dev.d3s.spi;

/**
 * How a keep ratio moves with training progress (arXiv 2509.22115, section 3.3). A pure function, so that a resumed job
 * sees the same values.
 */
@FunctionalInterface
public interface Schedule {
    /**
     * @param step from 0
     * @param totalSteps at least 1
     * @param from value at the first step
     * @param to value at the last step
     * @return the value at this step, between the smaller and the larger of {@code from} and {@code to}
     */
    double at(int step, int totalSteps, double from, double to);
}
