package dev.d3s.server.rollout.onnx;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.TopTokens;

/**
 * Slots that are decoded together: their keys and values, and the buffers of a run. What stands in a slot is its user's
 * business; a user keeps the slots in use together at the front, so that a step is one run over slots 0..n-1.
 *
 * <p>
 * Every run has at least two rows: ONNX Runtime multiplies a single row with another kernel, whose sums differ in the last
 * bit, and results must not depend on how many completions run together. For the same reason a prompt longer than a chunk
 * is prefilled alone, in pieces whose borders depend on nothing but its length.
 *
 * <p>
 * One thread at a time; closed by whoever made it.
 */
final class DecodeSlots implements AutoCloseable {
    static final int MIN_ROWS = 2;
    private static final Set<String> LISTED = Set.of("top_token", "top_logprob");

    private final KeyValueBuffers cache;
    private final Arena arena = Arena.ofShared();
    private final LongBuffer tokens;
    private final LongBuffer targets;
    private final LongBuffer gather;
    private final IntBuffer lastPositions;
    private final IntBuffer totalLength;
    private final FloatBuffer uniforms;
    private final FloatBuffer logprobs;
    private final FloatBuffer entropies;
    private final Sampling sampling;
    private final @Nullable Bindings[] decodeBindings;
    private final @Nullable TopTokens[] listed;

    /** Tokens drawn from, or scored at, given rows. */
    record Drawn(int[] token, float[] logprob, float[] entropy, @Nullable TopTokens[] top) {
        Drawn(int count) {
            this(new int[count], new float[count], new float[count], new @Nullable TopTokens[count]);
        }

        Drawn slice(int from, int count) {
            return new Drawn(Arrays.copyOfRange(token, from, from + count),
                    Arrays.copyOfRange(logprob, from, from + count), Arrays.copyOfRange(entropy, from, from + count),
                    Arrays.copyOfRange(top, from, from + count));
        }
    }

    /**
     * The rows of the flattened {@code [B * width]} that the head sees.
     *
     * @param indices {@code [R]}, at least two
     * @param target {@code [R]} token to score, or -1 to draw one
     * @param uniform {@code [R]}
     */
    record Rows(long[] indices, long[] target, float[] uniform) {
        Rows(int count) {
            this(new long[Math.max(count, MIN_ROWS)], new long[Math.max(count, MIN_ROWS)],
                    new float[Math.max(count, MIN_ROWS)]);
            Arrays.fill(target, -1);
        }

        int count() {
            return indices.length;
        }
    }

    /** Tensors over the buffers for n rows: made once for each n. */
    private record Bindings(Map<String, OnnxTensor> inputs, Map<String, OnnxTensor> outputs,
            List<OnnxTensor> tensors) implements AutoCloseable {
        Bindings() {
            this(new LinkedHashMap<>(), new LinkedHashMap<>(), new ArrayList<>());
        }

        OnnxTensor input(String name, OnnxTensor tensor) {
            tensors.add(tensor);
            inputs.put(name, tensor);
            return tensor;
        }

        void output(String name, OnnxTensor tensor) {
            tensors.add(tensor);
            outputs.put(name, tensor);
        }

        @Override
        public void close() {
            tensors.forEach(OnnxTensor::close);
        }
    }

    /**
     * @param cache of at least as many slots as there are rows in a step, and two
     * @param slots most rows of a step
     */
    DecodeSlots(ModelConfig config, KeyValueBuffers cache, int slots) {
        this.cache = cache;
        int physical = Math.max(slots, MIN_ROWS);
        tokens = longs(physical);
        targets = longs(physical);
        gather = longs(physical);
        lastPositions = ints(physical);
        totalLength = ints(1);
        uniforms = floats(physical);
        logprobs = floats(physical);
        entropies = floats(physical);
        sampling = new Sampling(config, physical);
        listed = new @Nullable TopTokens[physical];
        for (int row = 0; row < physical; row++) {
            targets.put(row, -1);
            gather.put(row, row);
        }
        decodeBindings = new @Nullable Bindings[physical + 1];
    }

    // ---- decoding

    /** Settings of the steps that follow; those of a slot stay when another moves away. */
    void settings(int slot, SamplingSettings settings, int likeliest) {
        sampling.set(slot, settings, likeliest);
    }

    /** The same settings for every slot. */
    void settings(SamplingSettings settings) {
        sampling.fill(settings);
    }

    /** The last token of a slot, which the next step computes from. */
    void token(int slot, int token) {
        tokens.put(slot, token);
    }

    /** @param position of the slot's last token, whose key and value come with the next step */
    void place(int slot, int position, float uniform) {
        lastPositions.put(slot, position);
        uniforms.put(slot, uniform);
    }

    /** One token for each of the first slots, which were all placed. */
    void step(OrtSession session, int used) throws OrtException {
        int longest = 0;
        for (int slot = 0; slot < used; slot++) {
            longest = Math.max(longest, lastPositions.get(slot));
        }
        for (int slot = used; slot < MIN_ROWS; slot++) {
            // A row that nobody looks at; its key and value go to a free slot's first position.
            place(slot, 0, 0);
            token(slot, 0);
        }
        totalLength.put(0, longest + 1);
        int rows = Math.max(used, MIN_ROWS);
        Bindings bindings = decodeBindings(rows);
        try (Sampling.Inputs settings = sampling.inputs(rows)) {
            Map<String, OnnxTensor> inputs = new LinkedHashMap<>(bindings.inputs);
            inputs.putAll(settings.tensors());
            Arrays.fill(listed, null);
            run(session, inputs, bindings.outputs, settings, sampling, listed);
        }
    }

    /** What the last step gave a slot. */
    int token(int slot) {
        return Math.toIntExact(tokens.get(slot));
    }

    float logprob(int slot) {
        return logprobs.get(slot);
    }

    float entropy(int slot) {
        return entropies.get(slot);
    }

    @Nullable
    TopTokens top(int slot) {
        return listed[slot];
    }

    /** Copies the first positions of a slot to another. */
    void copy(int from, int to, int length) {
        cache.copy(from, to, length);
    }

    private static void run(OrtSession session, Map<String, OnnxTensor> inputs, Map<String, OnnxTensor> outputs,
            Sampling.Inputs settings, Sampling sampling, @Nullable TopTokens[] top) throws OrtException {
        if (settings.listed() == 0) {
            OnnxRuntime.call(() -> session.run(inputs, outputs)).close();
            return;
        }
        try (OrtSession.Result result = OnnxRuntime.call(() -> session.run(inputs, LISTED, outputs))) {
            LongBuffer ids = ((OnnxTensor) result.get("top_token").orElseThrow()).getLongBuffer();
            FloatBuffer values = ((OnnxTensor) result.get("top_logprob").orElseThrow()).getFloatBuffer();
            for (int i = 0; i < settings.selected(); i++) {
                int row = sampling.selected(i);
                int count = Math.min(sampling.wanted(row), settings.listed());
                if (count > 0) {
                    TopTokens tokens = new TopTokens(new int[count], new float[count]);
                    for (int j = 0; j < count; j++) {
                        tokens.tokens()[j] = Math.toIntExact(ids.get(i * settings.listed() + j));
                        tokens.logprobs()[j] = values.get(i * settings.listed() + j);
                    }
                    top[row] = tokens;
                }
            }
        }
    }

    private Bindings decodeBindings(int rows) throws OrtException {
        Bindings bindings = decodeBindings[rows];
        if (bindings == null) {
            bindings = new Bindings();
            // Registered first, so that a failure half-way leaves nothing unclosed.
            decodeBindings[rows] = bindings;
            bindings.input("input_ids", tensor(tokens, rows, 1));
            bindings.input("seqlens_k", tensor(lastPositions, rows));
            bindings.input("total_length", tensor(totalLength));
            bindings.input("gather_idx", tensor(gather, rows));
            bindings.input("target", tensor(targets, rows, 1));
            bindings.input("uniform", tensor(uniforms, rows, 1));
            bindCache(bindings, 0, rows);
            bindings.output("token", tensor(tokens, rows));
            bindings.output("logprob", tensor(logprobs, rows));
            bindings.output("entropy", tensor(entropies, rows));
        }
        return bindings;
    }

    private void bindCache(Bindings bindings, int from, int count) throws OrtException {
        List<OnnxTensor> tensors = cache.tensors(from, count);
        for (int i = 0; i < tensors.size(); i++) {
            OnnxTensor tensor = bindings.input("past." + cache.names().get(i), tensors.get(i));
            bindings.outputs.put("present." + cache.names().get(i), tensor);
        }
    }

    // ---- several positions of a sequence

    /**
     * Runs several positions of sequences in consecutive slots.
     *
     * @param sequences {@code [B]} tokens of each row, padded on the right to the width
     * @param past positions of the (only) sequence that are in its slot already
     * @param settings of each of the head's rows
     */
    Drawn run(OrtSession session, Sampling settings, int slot, int[][] sequences, int past, int width, Rows head)
            throws OrtException {
        int count = sequences.length;
        int rows = head.count();
        try (Arena run = Arena.ofConfined();
                Bindings bindings = new Bindings();
                Sampling.Inputs inputs = settings.inputs(rows)) {
            LongBuffer ids = buffer(run, (long) count * width * Long.BYTES).asLongBuffer();
            IntBuffer last = buffer(run, (long) count * Integer.BYTES).asIntBuffer();
            for (int i = 0; i < count; i++) {
                for (int j = 0; j < sequences[i].length; j++) {
                    ids.put(i * width + j, sequences[i][j]);
                }
                last.put(i, past + sequences[i].length - 1);
            }
            IntBuffer total = buffer(run, Integer.BYTES).asIntBuffer().put(0, past + width);
            LongBuffer gathered = buffer(run, (long) rows * Long.BYTES).asLongBuffer().put(head.indices()).flip();
            LongBuffer targeted = buffer(run, (long) rows * Long.BYTES).asLongBuffer().put(head.target()).flip();
            FloatBuffer uniformed = buffer(run, (long) rows * Float.BYTES).asFloatBuffer().put(head.uniform()).flip();
            LongBuffer token = buffer(run, (long) rows * Long.BYTES).asLongBuffer();
            FloatBuffer logprob = buffer(run, (long) rows * Float.BYTES).asFloatBuffer();
            FloatBuffer entropy = buffer(run, (long) rows * Float.BYTES).asFloatBuffer();
            bindings.input("input_ids", tensor(ids, count, width));
            bindings.input("seqlens_k", tensor(last, count));
            bindings.input("total_length", tensor(total));
            bindings.input("gather_idx", tensor(gathered, rows));
            bindings.input("target", tensor(targeted, rows, 1));
            bindings.input("uniform", tensor(uniformed, rows, 1));
            bindCache(bindings, slot, count);
            bindings.output("token", tensor(token, rows));
            bindings.output("logprob", tensor(logprob, rows));
            bindings.output("entropy", tensor(entropy, rows));
            bindings.inputs.putAll(inputs.tensors());
            Drawn drawn = new Drawn(rows);
            run(session, bindings.inputs, bindings.outputs, inputs, settings, drawn.top);
            for (int i = 0; i < rows; i++) {
                drawn.token[i] = Math.toIntExact(token.get(i));
            }
            logprob.get(drawn.logprob);
            entropy.get(drawn.entropy);
            return drawn;
        }
    }

    // ---- memory

    private LongBuffer longs(int count) {
        return buffer(arena, (long) count * Long.BYTES).asLongBuffer();
    }

    private IntBuffer ints(int count) {
        return buffer(arena, (long) count * Integer.BYTES).asIntBuffer();
    }

    private FloatBuffer floats(int count) {
        return buffer(arena, (long) count * Float.BYTES).asFloatBuffer();
    }

    private static ByteBuffer buffer(Arena arena, long bytes) {
        return arena.allocate(bytes, 64).asByteBuffer().order(ByteOrder.nativeOrder());
    }

    private static OnnxTensor tensor(LongBuffer values, long... shape) throws OrtException {
        return OnnxTensor.createTensor(OnnxRuntime.environment(), values.slice(0, size(shape)), shape);
    }

    private static OnnxTensor tensor(IntBuffer values, long... shape) throws OrtException {
        return OnnxTensor.createTensor(OnnxRuntime.environment(), values.slice(0, size(shape)), shape);
    }

    private static OnnxTensor tensor(FloatBuffer values, long... shape) throws OrtException {
        return OnnxTensor.createTensor(OnnxRuntime.environment(), values.slice(0, size(shape)), shape);
    }

    private static int size(long... shape) {
        return Math.toIntExact(Arrays.stream(shape).reduce(1, Math::multiplyExact));
    }

    @Override
    public void close() {
        for (Bindings bindings : decodeBindings) {
            if (bindings != null) {
                bindings.close();
            }
        }
        sampling.close();
        cache.close();
        arena.close();
    }
}
