package dev.d3s.server.model;

import java.nio.FloatBuffer;
import java.util.List;
import java.util.SplittableRandom;

/**
 * First weights of a model that nobody has trained: matrices from a normal distribution with standard deviation 0.02 (Qwen2's
 * {@code initializer_range}), norms 1, biases 0.
 *
 * <p>A pure function of (shape, seed): each parameter has its own stream, and the normal values come from {@link StrictMath}, so every machine gets the same
 * bits.
 */
public final class RandomInitialization {
    /** Standard deviation of matrices and embeddings. */
    static final double RANGE = 0.02;

    private RandomInitialization() {}

    /** Weights of a model; the caller closes them. */
    public static MemoryWeights of(ModelConfig config, long seed) {
        MemoryWeights weights = MemoryWeights.allocate(config);
        List<Parameter> parameters = weights.parameters();
        SplittableRandom root = new SplittableRandom(seed);
        for (int index = 0; index < parameters.size(); index++) {
            Parameter parameter = parameters.get(index);
            FloatBuffer values = weights.writable(index).asFloatBuffer();
            SplittableRandom random = root.split();
            if (parameter.shape().length == 2) {
                fillNormal(values, random);
            } else if (!parameter.name().endsWith(".bias")) {
                while (values.hasRemaining()) {
                    values.put(1);
                }
            }
        }
        return weights;
    }

    /** Box and Muller's transform: two uniforms give two independent normal values. */
    private static void fillNormal(FloatBuffer values, SplittableRandom random) {
        while (values.hasRemaining()) {
            double radius = RANGE * StrictMath.sqrt(-2 * StrictMath.log(1 - random.nextDouble()));
            double angle = 2 * Math.PI * random.nextDouble();
            values.put((float) (radius * StrictMath.cos(angle)));
            if (values.hasRemaining()) {
                values.put((float) (radius * StrictMath.sin(angle)));
            }
        }
    }
}
