package dev.d3s.server.rollout.onnx;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.Weights;

/** Weights from a seed, which can be overwritten in place as a trainer does. */
final class RandomWeights implements Weights {
    private final List<Parameter> parameters;
    private final List<ByteBuffer> values = new ArrayList<>();
    private final double scale;

    /** @param scale standard deviation of the matrices: the larger, the lower the entropies */
    RandomWeights(ModelConfig config, long seed, double scale) {
        parameters = ParameterLayout.of(config);
        this.scale = scale;
        for (Parameter parameter : parameters) {
            values.add(ByteBuffer.allocateDirect(Math.toIntExact(parameter.size() * Float.BYTES))
                .order(ByteOrder.nativeOrder()));
        }
        fill(seed);
    }

    /** New values in the same memory. */
    void fill(long seed) {
        Random random = new Random(seed);
        for (int i = 0; i < parameters.size(); i++) {
            FloatBuffer buffer = values.get(i).asFloatBuffer();
            boolean norm = parameters.get(i).name().contains("norm");
            double deviation = parameters.get(i).shape().length == 1 ? 0.1 : scale;
            for (int j = 0; j < buffer.capacity(); j++) {
                buffer.put(j, (float) ((norm ? 1 : 0) + deviation * random.nextGaussian()));
            }
        }
    }

    /** One parameter's values, to be changed. */
    FloatBuffer writable(String name) {
        for (int i = 0; i < parameters.size(); i++) {
            if (parameters.get(i).name().equals(name)) {
                return values.get(i).asFloatBuffer();
            }
        }
        throw new IllegalArgumentException(name);
    }

    @Override
    public List<Parameter> parameters() {
        return parameters;
    }

    @Override
    public ByteBuffer values(int index) {
        return values.get(index).asReadOnlyBuffer().order(ByteOrder.nativeOrder());
    }
}
