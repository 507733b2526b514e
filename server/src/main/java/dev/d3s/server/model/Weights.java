package dev.d3s.server.model;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * The values of a model's parameters in {@link ParameterLayout} order: fp32, native byte order, in direct memory. A
 * policy's weights are live views: they change when it is updated.
 */
public interface Weights {
    /** Names and shapes, in layout order. */
    List<Parameter> parameters();

    /** {@code 4 * parameters().get(index).size()} bytes from position 0, direct, native order; not to be written. */
    ByteBuffer values(int index);

    /** Fills {@code target} with the values of one parameter, without a copy of them in between where there need not be one. */
    default void copyTo(int index, ByteBuffer target) {
        target.put(values(index));
    }
}
