package dev.d3s.server.model;

import java.util.ArrayList;
import java.util.List;

/**
 * One tensor of a Hugging Face file inside a {@link Parameter} of the engines: a packed parameter is several of them, contiguous row ranges in order. A parameter that is not packed is
 * its own only part.
 *
 * @param name name in the file
 * @param shape in the file
 * @param offset first value, counted in values from the parameter's first
 */
record TensorPart(String name, long[] shape, int offset) {
    /** Number of values. */
    int size() {
        int size = 1;
        for (long dimension : shape) {
            size = Math.toIntExact(size * dimension);
        }
        return size;
    }

    /** The parts of a parameter. */
    static List<TensorPart> of(ModelConfig config, Parameter parameter) {
        String name = parameter.name();
        if (name.contains("qkv_proj")) {
            long queries = (long) config.heads() * config.headDim();
            long keys = (long) config.keyValueHeads() * config.headDim();
            return split(parameter, "qkv_proj", List.of("q_proj", "k_proj", "v_proj"), queries, keys, keys);
        }
        if (name.contains("gate_up_proj")) {
            return split(parameter, "gate_up_proj", List.of("gate_proj", "up_proj"), config.intermediateSize(),
                    config.intermediateSize());
        }
        return List.of(new TensorPart(name, parameter.shape(), 0));
    }

    private static List<TensorPart> split(Parameter parameter, String packed, List<String> names, long... rows) {
        long rowSize = parameter.size() / parameter.shape()[0];
        List<TensorPart> parts = new ArrayList<>();
        long row = 0;
        for (int index = 0; index < rows.length; index++) {
            long[] shape = parameter.shape().clone();
            shape[0] = rows[index];
            parts.add(new TensorPart(parameter.name().replace(packed, names.get(index)), shape,
                    Math.toIntExact(row * rowSize)));
            row += rows[index];
        }
        return parts;
    }
}
