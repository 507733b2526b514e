package dev.d3s.server.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * Weights that stay in their files until they are asked for: an engine that takes them with {@link #copyTo} never shares the
 * memory with a second copy. For the thread that opened them, which closes them.
 */
public final class StoredWeights implements Weights, AutoCloseable {
    private final List<Parameter> parameters;
    private final BiConsumer<Parameter, ByteBuffer> reader;
    private final Runnable closing;

    /** @param reader fills a buffer with a parameter's values */
    StoredWeights(List<Parameter> parameters, BiConsumer<Parameter, ByteBuffer> reader, Runnable closing) {
        this.parameters = parameters;
        this.reader = reader;
        this.closing = closing;
    }

    @Override
    public List<Parameter> parameters() {
        return parameters;
    }

    /** A new copy each time. */
    @Override
    public ByteBuffer values(int index) {
        ByteBuffer values = ByteBuffer.allocateDirect(Math.toIntExact(parameters.get(index).size() * Float.BYTES))
            .order(ByteOrder.nativeOrder());
        copyTo(index, values);
        return values.flip();
    }

    @Override
    public void copyTo(int index, ByteBuffer target) {
        reader.accept(parameters.get(index), target);
    }

    @Override
    public void close() {
        closing.run();
    }
}
