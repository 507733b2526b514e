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
        MemoryWeights weights = MemoryWeights.allocate(config);
        List<Parameter> parameters = weights.parameters();
        SplittableRandom root = new SplittableRandom(seed);
        for (int index = 0; index < parameters.size(); index++) {
            Parameter parameter = parameters.get(index);
            FloatBuffer values = weights.writable(index).asFloatBuffer();
            SplittableRandom random = root.split();
            if (parameter.shape().length == 2) {
                fillNormal(values, random, range);
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
}
