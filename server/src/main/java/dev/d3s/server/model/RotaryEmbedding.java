package dev.d3s.server.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Rotary position embedding (arXiv 2104.09864): position p turns pair i of a head by p times {@link #frequencies}[i].
 *
 * @param theta base of the frequencies
 * @param scaling how a longer context was made of a shorter one
 */
public record RotaryEmbedding(double theta, Scaling scaling) {
    private static final long CACHE_LINE = 64;

    /** What is done to the frequencies theta^(-2i / D). */
    public sealed interface Scaling {
        /** Nothing. */
        record None() implements Scaling {}

        /** Position interpolation (arXiv 2306.15595): all frequencies divided by a factor. */
        record Linear(double factor) implements Scaling {}

        /**
         * Llama 3.1: wavelengths longer than {@code originalContextLength / lowFrequencyFactor} are stretched by the factor, those shorter
         * than {@code originalContextLength / highFrequencyFactor} are kept, and those between are interpolated linearly in
         * originalContextLength / wavelength.
         */
        record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor,
                int originalContextLength) implements Scaling {}
    }

    /** Without scaling. */
    public static RotaryEmbedding of(double theta) {
        return new RotaryEmbedding(theta, new Scaling.None());
    }

    /** {@code [headDim / 2]} radians per position. */
    public double[] frequencies(int headDim) {
        double[] frequencies = new double[headDim / 2];
        for (int index = 0; index < frequencies.length; index++) {
            double unscaled = Math.pow(theta, -2.0 * index / headDim);
            frequencies[index] = switch (scaling) {
                case Scaling.None none -> unscaled;
                case Scaling.Linear linear -> unscaled / linear.factor();
                case Scaling.Llama3 llama3 -> scaled(unscaled, llama3);
            };
        }
        return frequencies;
    }

    /**
     * Cosine and sine of the angle by which each position turns each pair, fp32.
     *
     * @param cosine {@code [positions][headDim / 2]}
     * @param sine the same
     */
    public record Tables(int positions, MemorySegment cosine, MemorySegment sine) {}

    /** Tables for the positions from 0 on, outside the Java heap: a long context has tens of megabytes of them. */
    public Tables tables(int headDim, int positions, Arena arena) {
        double[] frequencies = frequencies(headDim);
        long bytes = (long) positions * frequencies.length * Float.BYTES;
        Tables tables = new Tables(positions, arena.allocate(bytes, CACHE_LINE), arena.allocate(bytes, CACHE_LINE));
        long at = 0;
        for (int position = 0; position < positions; position++) {
            for (double frequency : frequencies) {
                double angle = position * frequency;
                tables.cosine.setAtIndex(ValueLayout.JAVA_FLOAT, at, (float) Math.cos(angle));
                tables.sine.setAtIndex(ValueLayout.JAVA_FLOAT, at, (float) Math.sin(angle));
                at++;
            }
        }
        return tables;
    }

    private static double scaled(double frequency, Scaling.Llama3 scaling) {
        double turns = scaling.originalContextLength() * frequency / (2 * Math.PI);
        double share = (turns - scaling.lowFrequencyFactor())
                / (scaling.highFrequencyFactor() - scaling.lowFrequencyFactor());
        double kept = Math.clamp(share, 0, 1);
        return kept * frequency + (1 - kept) * frequency / scaling.factor();
    }
}
