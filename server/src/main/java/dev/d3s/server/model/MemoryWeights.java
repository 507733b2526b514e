package dev.d3s.server.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Weights in memory of their own, as they come from disk or from a seed. Any thread may read them; whoever opened them closes them,
 * once no engine looks at them any more: closing gives the memory back at once.
 */
public final class MemoryWeights implements Weights, AutoCloseable {
    /** A cache line, and the widest vector register. */
    private static final long ALIGNMENT = 64;

    private final List<Parameter> parameters;
    private final List<ByteBuffer> values;
    private final Arena arena;

    private MemoryWeights(List<Parameter> parameters, List<ByteBuffer> values, Arena arena) {
        this.parameters = parameters;
        this.values = values;
        this.arena = arena;
    }

    /** Zeros for every parameter of a model. */
    static MemoryWeights allocate(ModelConfig config) {
        List<Parameter> parameters = ParameterLayout.of(config);
        for (Parameter parameter : parameters) {
            if (parameter.size() > Integer.MAX_VALUE / Float.BYTES) {
                throw ModelFiles.invalid("Parameter " + parameter.name() + " has " + parameter.size()
                        + " values; one tensor can have 2 GiB: use a smaller model.");
            }
        }
        Arena arena = Arena.ofShared();
        try {
            List<ByteBuffer> values = new ArrayList<>(parameters.size());
            for (Parameter parameter : parameters) {
                MemorySegment segment = arena.allocate(parameter.size() * Float.BYTES, ALIGNMENT);
                values.add(segment.asByteBuffer().order(ByteOrder.nativeOrder()));
            }
            return new MemoryWeights(parameters, List.copyOf(values), arena);
        } catch (RuntimeException | OutOfMemoryError failure) {
            arena.close();
            throw failure;
        }
    }

    @Override
    public List<Parameter> parameters() {
        return parameters;
    }

    @Override
    public ByteBuffer values(int index) {
        return values.get(index).asReadOnlyBuffer().order(ByteOrder.nativeOrder());
    }

    /** The memory behind {@link #values(int)}, to be filled before anyone else sees these weights. */
    ByteBuffer writable(int index) {
        return values.get(index).duplicate().order(ByteOrder.nativeOrder());
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
