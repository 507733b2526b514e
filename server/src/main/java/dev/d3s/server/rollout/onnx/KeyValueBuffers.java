package dev.d3s.server.rollout.onnx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * The keys and values of one worker's slots: for each layer two buffers {@code [slots, kvHeads, T, headDim]}, in which a
 * range of slots is a contiguous tensor that needs no copy. ONNX Runtime reads the past from and writes the present to the
 * same memory. Memory is taken as it is written, so what a slot costs is what was put into it. Outside the Java heap and its
 * limits; closed by the worker.
 */
final class KeyValueBuffers implements AutoCloseable {
    private final ModelConfig config;
    private final int positions;
    private final long slotBytes;
    private final Arena arena = Arena.ofShared();
    private final List<MemorySegment> buffers = new ArrayList<>();
    private final List<String> names;

    /** @param positions T */
    KeyValueBuffers(ModelConfig config, int slots, int positions) {
        this.config = config;
        this.positions = positions;
        names = DecoderGraph.cacheNames(config);
        slotBytes = slotBytes(config, positions);
        if (slots * slotBytes > Integer.MAX_VALUE) {
            throw new D3sException(ErrorCategory.RESOURCES, "too_many_slots",
                    "One worker holds at most " + Integer.MAX_VALUE / slotBytes + " slots of " + positions
                            + " positions of this model, but " + slots + " are needed.");
        }
        try {
            for (int i = 0; i < names.size(); i++) {
                buffers.add(LazyMemory.allocate(slots * slotBytes, arena));
            }
        } catch (OutOfMemoryError e) {
            arena.close();
            throw new D3sException(ErrorCategory.RESOURCES, "out_of_memory",
                    "No memory for " + slots + " slots of " + positions
                            + " positions: use fewer slots or a shorter maximum sequence length.",
                    e);
        }
    }

    /** Bytes of one slot in one of the {@code 2 * layers} buffers. */
    static long slotBytes(ModelConfig config, int positions) {
        return (long) config.keyValueHeads() * positions * config.headDim() * Float.BYTES;
    }

    /** Names without {@code past.} or {@code present.}, in the order of {@link #tensors}. */
    List<String> names() {
        return names;
    }

    /** Views {@code [count, kvHeads, T, headDim]} of a range of slots, one for each name; the caller closes them. */
    List<OnnxTensor> tensors(int from, int count) throws OrtException {
        List<OnnxTensor> tensors = new ArrayList<>(buffers.size());
        long[] shape = {count, config.keyValueHeads(), positions, config.headDim()};
        for (MemorySegment buffer : buffers) {
            tensors.add(OnnxTensor.createTensor(OnnxRuntime.environment(), buffer
                .asSlice(from * slotBytes, count * slotBytes)
                .asByteBuffer()
                .order(ByteOrder.nativeOrder())
                .asFloatBuffer(), shape));
        }
        return tensors;
    }

    /** Gives the memory of a slot back to the operating system; its values are undefined from here on. */
    void release(int slot) {
        for (MemorySegment buffer : buffers) {
            LazyMemory.release(buffer.asSlice(slot * slotBytes, slotBytes));
        }
    }

    /** Bytes of one position of one sequence in all layers. */
    static long positionBytes(ModelConfig config) {
        return 2L * config.layers() * config.keyValueHeads() * config.headDim() * Float.BYTES;
    }

    /** Copies the first positions of a slot to another. */
    void copy(int from, int to, int length) {
        long headBytes = (long) positions * config.headDim() * Float.BYTES;
        long bytes = (long) length * config.headDim() * Float.BYTES;
        for (MemorySegment buffer : buffers) {
            for (int head = 0; head < config.keyValueHeads(); head++) {
                MemorySegment.copy(buffer, from * slotBytes + head * headBytes, buffer,
                        to * slotBytes + head * headBytes, bytes);
            }
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
