package dev.d3s.server.model;

import java.nio.FloatBuffer;
import java.util.List;
import java.util.SplittableRandom;

/**
 * First weights of a model that nobody has trained: matrices from a normal distribution with the given standard deviation, norms 1, biases 0.
 *
 * <p>A pure function of (shape, seed): each parameter has its own stream, and the normal values come from {@link StrictMath}, so every machine gets the same
 * bits.
 */
public final class RandomInitialization {
    /** Qwen2's {@code initializer_range}: the standard deviation of matrices and embeddings where nobody says otherwise. */
    public static final double RANGE = 0.02;

    private RandomInitialization() {}

    /** Weights of a model with standard deviation {@link #RANGE}; the caller closes them. */
    public static MemoryWeights of(ModelConfig config, long seed) {
        return of(config, seed, RANGE);
    }

    /** @param range standard deviation of matrices and embeddings, positive */
    public static MemoryWeights of(ModelConfig config, long seed, double range) {
        return fill(config, seed, (values, random) -> fillNormal(values, random, range));
    }

    /**
     * As {@link #of(ModelConfig, long)}, many times faster: for models that are only measured. Each value is a sum of four uniform ones, which
     * is close to normal but never exceeds 3.5 standard deviations.
     */
    public static MemoryWeights rough(ModelConfig config, long seed) {
        return fill(config, seed, RandomInitialization::fillRoughly);
    }

    /** Fills one matrix. */
    @FunctionalInterface
    private interface Filling {
        void fill(FloatBuffer values, SplittableRandom random);
    }

    private static MemoryWeights fill(ModelConfig config, long seed, Filling filling) {
        MemoryWeights weights = MemoryWeights.allocate(config);
        List<Parameter> parameters = weights.parameters();
        SplittableRandom root = new SplittableRandom(seed);
        for (int index = 0; index < parameters.size(); index++) {
            Parameter parameter = parameters.get(index);
            FloatBuffer values = weights.writable(index).asFloatBuffer();
            SplittableRandom random = root.split();
            if (parameter.shape().length == 2) {
                filling.fill(values, random);
            } else if (!parameter.name().endsWith(".bias")) {
                while (values.hasRemaining()) {
                    values.put(1);
                }
            }
        }
        return weights;
    }

    /** Box and Muller's transform: two uniforms give two independent normal values. */
    private static void fillNormal(FloatBuffer values, SplittableRandom random, double range) {
        while (values.hasRemaining()) {
            double radius = range * StrictMath.sqrt(-2 * StrictMath.log(1 - random.nextDouble()));
            double angle = 2 * Math.PI * random.nextDouble();
            values.put((float) (radius * StrictMath.cos(angle)));
            if (values.hasRemaining()) {
                values.put((float) (radius * StrictMath.sin(angle)));
            }
        }
    }

    private static void fillRoughly(FloatBuffer values, SplittableRandom random) {
        // a sum of four uniforms on 0 to 65535 has this standard deviation
        float scale = (float) (RANGE / Math.sqrt((65536.0 * 65536 - 1) / 3));
        while (values.hasRemaining()) {
            long bits = random.nextLong();
            long sum = (bits & 0xffff) + (bits >>> 16 & 0xffff) + (bits >>> 32 & 0xffff) + (bits >>> 48);
            values.put((sum - 2 * 65535) * scale);
        }
    }
}
