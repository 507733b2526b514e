package dev.d3s.server.policy.torch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.Weights;

/** Seeded weights of a model that nobody trained: matrices and biases are normal, norms are near 1. */
record RandomWeights(List<Parameter> parameters, ByteBuffer[] values) implements Weights {
    static RandomWeights of(ModelConfig config, long seed) {
        return of(config, seed, 0.1);
    }

    static RandomWeights of(ModelConfig config, long seed, double scale) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
        List<Parameter> parameters = ParameterLayout.of(config);
        ByteBuffer[] values = new ByteBuffer[parameters.size()];
        for (int index = 0; index < values.length; index++) {
            Parameter parameter = parameters.get(index);
            values[index] = ByteBuffer.allocateDirect((int) parameter.size() * Float.BYTES)
                .order(ByteOrder.nativeOrder());
            FloatBuffer floats = values[index].asFloatBuffer();
            double mean = parameter.name().endsWith("norm.weight") ? 1 : 0;
            while (floats.hasRemaining()) {
                floats.put((float) (mean + scale * random.nextGaussian()));
            }
        }
        return new RandomWeights(parameters, values);
    }

    @Override
    public ByteBuffer values(int index) {
        return values[index].duplicate().order(ByteOrder.nativeOrder());
    }
}
