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

import org.jspecify.annotations.Nullable;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.onnx.WorkQueue.Assignment;

/**
 * Decodes as many completions together as it has slots, and keeps the slots full: a completion that ends gives its slot to
 * the next one at once. Slots in use are 0..n-1; when one becomes free for good, the last one moves into it.
 *
 * <p>
 * A prompt is prefilled once for its whole group: the first tokens of all members are drawn from its last row, and its keys
 * and values are copied to each member's slot. When the group has more members than there is room, they are also kept on
 * the shelf, one slot that is never decoded, for the members that follow.
 *
 * <p>
 * Every run has at least two rows: ONNX Runtime multiplies a single row with another kernel, whose sums differ in the last
 * bit, and results must not depend on how many completions run together. For the same reason a prompt longer than
 * {@link #CHUNK} is prefilled alone, in pieces whose borders depend on nothing but its length.
 *
 * <p>
 * One thread at a time; closed by the engine.
 */
final class DecodeWorker implements AutoCloseable {
    /** Tokens of a prompt in one run; attention needs memory for heads * CHUNK * length. */
    static final int CHUNK = 1024;
    private static final int MAX_PREFILL_ROWS = 2 * CHUNK;
    private static final int MIN_ROWS = 2;
    /** Values of logits that one scoring run may make. */
    private static final int MAX_SCORED_LOGITS = 1 << 24;

    private final ModelConfig config;
    private final int positions;
    private final int slots;
    private final int shelf;
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
    private final @Nullable Bindings[] decodeBindings;

    // The slots in use.
    private int used;
    private final int[] request;
    private final int[] member;

    // The prompt on the shelf, and the first tokens of its group's members.
    private int shelved = -1;
    private int shelvedFrom;
    private FirstTokens shelvedTokens = new FirstTokens(0);

    /** Drawn first tokens of consecutive members of a group. */
    private record FirstTokens(int[] token, float[] logprob, float[] entropy) {
        FirstTokens(int count) {
            this(new int[count], new float[count], new float[count]);
        }
    }

    /** Tensors over the worker's buffers for n rows: made once for each n. */
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

    DecodeWorker(ModelConfig config, int slots, int positions) {
        this.config = config;
        this.positions = positions;
        this.slots = slots;
        int physical = Math.max(slots, MIN_ROWS);
        shelf = physical;
        cache = new KeyValueBuffers(config, physical + 1, positions);
        tokens = longs(physical);
        targets = longs(physical);
        gather = longs(physical);
        lastPositions = ints(physical);
        totalLength = ints(1);
        uniforms = floats(physical);
        logprobs = floats(physical);
        entropies = floats(physical);
        for (int row = 0; row < physical; row++) {
            targets.put(row, -1);
            gather.put(row, row);
        }
        decodeBindings = new Bindings[physical + 1];
        request = new int[slots];
        member = new int[slots];
    }

    /** Takes part in a generate call until there is nothing left to begin or to continue. */
    void run(Generation generation, OrtSession session, int concurrency) throws OrtException {
        used = 0;
        shelved = -1;
        try (Sampling sampling = new Sampling(generation.sampling(), config)) {
            int room = Math.clamp(concurrency, 1, slots);
            while (true) {
                generation.checkStopped();
                refill(generation, session, sampling, room);
                if (used == 0) {
                    return;
                }
                step(generation, session, sampling);
            }
        }
    }

    // ---- filling slots

    private void refill(Generation generation, OrtSession session, Sampling sampling, int room) throws OrtException {
        while (used < room) {
            if (beginFromShelf(generation, used)) {
                used++;
                continue;
            }
            // A prefill of few tokens uses the machine badly: wait until some slots are free.
            if (used > 0 && !generation.queue().worthPrefilling(room - used, Math.max(1, slots / 16))) {
                return;
            }
            List<Assignment> assignments = generation.queue().toPrefill(room - used, MAX_PREFILL_ROWS);
            if (assignments.isEmpty()) {
                return;
            }
            generation.checkStopped();
            prefill(generation, session, sampling, assignments);
        }
    }

    /** Begins members of the shelved group until one goes on beyond its first token; @return whether one did */
    private boolean beginFromShelf(Generation generation, int slot) {
        while (shelved >= 0) {
            Assignment next = generation.queue().continued(shelved, 1);
            if (next == null) {
                shelved = -1;
                return false;
            }
            if (begin(generation, shelved, next.from(), shelvedTokens, next.from() - shelvedFrom, slot)) {
                cache.copy(shelf, slot, generation.prompt(shelved).length);
                return true;
            }
        }
        return false;
    }

    /** Gives a member its first token and, when it goes on, a slot. */
    private boolean begin(Generation generation, int group, int index, FirstTokens first, int at, int slot) {
        int token = first.token[at];
        if (!generation.accept(group, index, token, first.logprob[at], first.entropy[at])) {
            return false;
        }
        request[slot] = group;
        member[slot] = index;
        tokens.put(slot, token);
        return true;
    }

    private void prefill(Generation generation, OrtSession session, Sampling sampling, List<Assignment> assignments)
            throws OrtException {
        // First tokens for all members that nobody has begun: those beyond the room come from the shelf.
        int rows = 0;
        int[] members = new int[assignments.size()];
        for (int i = 0; i < members.length; i++) {
            Assignment assignment = assignments.get(i);
            members[i] = generation.requests().get(assignment.request()).groupSize() - assignment.from();
            rows += members[i];
        }
        int[][] prompts = new int[members.length][];
        int[] row = new int[Math.max(rows, MIN_ROWS)];
        float[] uniform = new float[row.length];
        int next = 0;
        for (int i = 0; i < members.length; i++) {
            Assignment assignment = assignments.get(i);
            prompts[i] = generation.prompt(assignment.request());
            for (int j = 0; j < members[i]; j++) {
                row[next] = i;
                uniform[next++] = generation.uniform(assignment.request(), assignment.from() + j);
            }
        }
        FirstTokens drawn = runPrompts(session, sampling, used, prompts, row, uniform);

        int region = used;
        int extra = used + members.length;
        boolean[] vacant = new boolean[slots];
        next = 0;
        for (int i = 0; i < members.length; i++) {
            Assignment assignment = assignments.get(i);
            int length = prompts[i].length;
            if (members[i] > assignment.count()) {
                cache.copy(region + i, shelf, length);
                shelved = assignment.request();
                shelvedFrom = assignment.from();
                shelvedTokens = slice(drawn, next, members[i]);
            }
            vacant[region + i] = true;
            for (int j = 0; j < assignment.count(); j++) {
                int slot = vacant[region + i] ? region + i : extra;
                if (begin(generation, assignment.request(), assignment.from() + j, drawn, next + j, slot)) {
                    if (slot == extra) {
                        cache.copy(region + i, extra++, length);
                    }
                    vacant[slot] = false;
                }
            }
            next += members[i];
        }
        used = extra;
        for (int slot = region + members.length - 1; slot >= region; slot--) {
            if (vacant[slot]) {
                release(generation, slot);
            }
        }
    }

    private static FirstTokens slice(FirstTokens drawn, int from, int count) {
        FirstTokens slice = new FirstTokens(count);
        System.arraycopy(drawn.token, from, slice.token, 0, count);
        System.arraycopy(drawn.logprob, from, slice.logprob, 0, count);
        System.arraycopy(drawn.entropy, from, slice.entropy, 0, count);
        return slice;
    }

    /** Frees a slot by moving the last one into it. */
    private void release(Generation generation, int slot) {
        used--;
        if (slot != used) {
            request[slot] = request[used];
            member[slot] = member[used];
            tokens.put(slot, tokens.get(used));
            // The newest token's key and value are not there yet: they come with the next step.
            cache.copy(used, slot, generation.prompt(request[used]).length
                    + generation.length(request[used], member[used]) - 1);
        }
    }

    // ---- decoding

    private void step(Generation generation, OrtSession session, Sampling sampling) throws OrtException {
        int longest = 0;
        for (int slot = 0; slot < used; slot++) {
            int length = generation.length(request[slot], member[slot]);
            int position = generation.prompt(request[slot]).length + length - 1;
            lastPositions.put(slot, position);
            uniforms.put(slot, generation.uniform(request[slot], member[slot]));
            longest = Math.max(longest, position);
        }
        for (int slot = used; slot < MIN_ROWS; slot++) {
            // A row that nobody looks at; its key and value go to a free slot's first position.
            lastPositions.put(slot, 0);
            uniforms.put(slot, 0);
            tokens.put(slot, 0);
        }
        totalLength.put(0, longest + 1);
        Bindings bindings = decodeBindings(Math.max(used, MIN_ROWS));
        Map<String, OnnxTensor> inputs = new LinkedHashMap<>(bindings.inputs);
        inputs.putAll(sampling.inputs());
        session.run(inputs, bindings.outputs).close();
        for (int slot = used - 1; slot >= 0; slot--) {
            if (!generation.accept(request[slot], member[slot], Math.toIntExact(tokens.get(slot)), logprobs.get(slot),
                    entropies.get(slot)) && !beginFromShelf(generation, slot)) {
                release(generation, slot);
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

    // ---- prompts

    /**
     * Prefills prompts into consecutive slots.
     *
     * @param row {@code [R]} the prompt from whose last position each row is drawn
     * @param uniform {@code [R]}
     */
    private FirstTokens runPrompts(OrtSession session, Sampling sampling, int slot, int[][] prompts, int[] row,
            float[] uniform) throws OrtException {
        int longest = 0;
        for (int[] prompt : prompts) {
            longest = Math.max(longest, prompt.length);
        }
        int done = 0;
        while (longest - done > CHUNK) {
            // Only a prompt on its own is longer than a chunk.
            extend(session, sampling, slot, prompts[0], done, CHUNK, new long[]{0, 0}, new long[]{-1, -1},
                    new float[2]);
            done += CHUNK;
        }
        long[] targets = new long[row.length];
        Arrays.fill(targets, -1);
        long[] indices = new long[row.length];
        if (done > 0) {
            Arrays.fill(indices, longest - done - 1L);
            return extend(session, sampling, slot, prompts[0], done, longest - done, indices, targets, uniform);
        }
        int width = Math.max(longest, MIN_ROWS);
        for (int i = 0; i < row.length; i++) {
            indices[i] = (long) row[i] * width + prompts[row[i]].length - 1;
        }
        return runRows(session, sampling, slot, prompts, 0, width, indices, targets, uniform);
    }

    /** Runs positions {@code from <= position < from + count} of one sequence, whose earlier ones are in the slot. */
    private FirstTokens extend(OrtSession session, Sampling sampling, int slot, int[] sequence, int from, int count,
            long[] indices, long[] targets, float[] uniform) throws OrtException {
        return runRows(session, sampling, slot,
                new int[][]{Arrays.copyOfRange(sequence, from, from + count)}, from, count, indices, targets,
                uniform);
    }

    /**
     * @param sequences {@code [B]} tokens of each row, padded on the right to the width
     * @param past positions of the (only) sequence that are in its slot already
     * @param indices {@code [R]} rows for the head, in the flattened {@code [B * width]}
     * @param target {@code [R]} token to score, or -1 to draw one
     */
    private FirstTokens runRows(OrtSession session, Sampling sampling, int slot, int[][] sequences, int past,
            int width, long[] indices, long[] target, float[] uniform) throws OrtException {
        int count = sequences.length;
        int rows = indices.length;
        try (Arena run = Arena.ofConfined(); Bindings bindings = new Bindings()) {
            LongBuffer ids = buffer(run, (long) count * width * Long.BYTES).asLongBuffer();
            IntBuffer last = buffer(run, (long) count * Integer.BYTES).asIntBuffer();
            for (int i = 0; i < count; i++) {
                for (int j = 0; j < sequences[i].length; j++) {
                    ids.put(i * width + j, sequences[i][j]);
                }
                last.put(i, past + sequences[i].length - 1);
            }
            IntBuffer total = buffer(run, Integer.BYTES).asIntBuffer().put(0, past + width);
            LongBuffer gathered = buffer(run, (long) rows * Long.BYTES).asLongBuffer().put(indices).flip();
            LongBuffer targeted = buffer(run, (long) rows * Long.BYTES).asLongBuffer().put(target).flip();
            FloatBuffer uniformed = buffer(run, (long) rows * Float.BYTES).asFloatBuffer().put(uniform).flip();
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
            bindings.inputs.putAll(sampling.inputs());
            session.run(bindings.inputs, bindings.outputs).close();
            FirstTokens drawn = new FirstTokens(rows);
            for (int i = 0; i < rows; i++) {
                drawn.token[i] = Math.toIntExact(token.get(i));
            }
            logprob.get(drawn.logprob);
            entropy.get(drawn.entropy);
            return drawn;
        }
    }

    /** Scores the tokens from {@code promptLength} on; see {@link dev.d3s.server.rollout.RolloutEngine#score}. */
    TokenScores score(OrtSession session, int[] sequence, int promptLength, double temperature) throws OrtException {
        int scored = sequence.length - promptLength;
        TokenScores scores = new TokenScores(new float[scored], new float[scored]);
        int step = Math.clamp(MAX_SCORED_LOGITS / config.vocabularySize(), MIN_ROWS, CHUNK);
        try (Sampling sampling = new Sampling(SamplingSettings.of(1, temperature, 0), config)) {
            // The last token is only a target; a run has at least two positions, if need be one of padding.
            int inputs = sequence.length - 1;
            for (int from = 0; from < inputs; from += step) {
                int count = Math.min(step, inputs - from);
                int first = Math.max(from, promptLength - 1);
                int rows = from + count - first;
                long[] indices = new long[Math.max(rows, MIN_ROWS)];
                long[] target = new long[indices.length];
                for (int i = 0; i < rows; i++) {
                    indices[i] = (long) first - from + i;
                    target[i] = sequence[first + i + 1];
                }
                int width = from == 0 ? Math.max(count, MIN_ROWS) : count;
                int[] piece = Arrays.copyOfRange(sequence, from, from + count);
                FirstTokens result = runRows(session, sampling, 0, new int[][]{piece}, from, width, indices, target,
                        new float[indices.length]);
                if (rows > 0) {
                    System.arraycopy(result.logprob, 0, scores.logprobs(), first + 1 - promptLength, rows);
                    System.arraycopy(result.entropy, 0, scores.entropies(), first + 1 - promptLength, rows);
                }
            }
        }
        return scores;
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
        cache.close();
        arena.close();
    }
}
