package dev.d3s.server.rollout.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;

import org.jspecify.annotations.Nullable;

import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.TopTokens;
import dev.d3s.server.rollout.onnx.DecodeSlots.Drawn;
import dev.d3s.server.rollout.onnx.DecodeSlots.Rows;
import dev.d3s.server.rollout.onnx.ServedRequest.Sequence;

/**
 * Decodes the completions of many requests together, in turns: a turn prefills at most one chunk of prompt, so that a long
 * one does not hold up those who are decoding, and then gives every slot one token. Slots in use are 0..n-1; when one
 * becomes free, the last one moves into it. A prompt that is longer than a chunk is prefilled on the shelf, one slot that
 * is never decoded, while shorter ones go on being begun beside it.
 *
 * <p>
 * One thread at a time; closed by the engine.
 */
final class ServingWorker implements AutoCloseable {
    /** Tokens of a prompt in one run; the borders depend on nothing but its length. */
    static final int CHUNK = 256;
    /** Values of logits that one run may make when a prompt is scored. */
    private static final int MAX_SCORED_LOGITS = 1 << 24;
    private static final int MIN_ROWS = DecodeSlots.MIN_ROWS;

    private final ModelConfig config;
    private final ServingQueue queue;
    private final LongSupplier version;
    private final int slots;
    private final int shelf;
    private final int chunk;
    private final KeyValueBuffers cache;
    private final DecodeSlots decoder;

    private int used;
    private final Sequence[] slot;
    private @Nullable Filling filling;
    /** Whether the next prefill belongs to the prompt on the shelf, when others wait too. */
    private boolean shelfNext;

    /** A prompt on its way into the shelf, whose positions before {@code done} are there. */
    private static final class Filling {
        private final List<Sequence> sequences;
        private final int[] ids;
        private final boolean score;
        private final float[] logprobs;
        private final @Nullable TopTokens[] top;
        private int done;

        Filling(List<Sequence> sequences) {
            this.sequences = sequences;
            Sequence first = sequences.getFirst();
            ids = first.ids();
            score = first.request().toScore(first.prompt());
            logprobs = new float[score ? ids.length - 1 : 0];
            top = new @Nullable TopTokens[logprobs.length];
        }
    }

    /**
     * @param slots most completions at a time
     * @param positions T
     * @param version of the weights
     */
    ServingWorker(ModelConfig config, int slots, int positions, ServingQueue queue, LongSupplier version) {
        this.config = config;
        this.queue = queue;
        this.version = version;
        this.slots = slots;
        shelf = Math.max(slots, MIN_ROWS);
        chunk = Math.clamp(MAX_SCORED_LOGITS / config.vocabularySize(), MIN_ROWS, CHUNK);
        cache = new KeyValueBuffers(config, shelf + 1, positions);
        decoder = new DecodeSlots(config, cache, slots);
        slot = new Sequence[slots];
    }

    /** Whether it has anything in its slots. */
    boolean busy() {
        return used > 0 || filling != null;
    }

    /** One turn; @return whether there was anything to do */
    boolean turn(OrtSession session) throws OrtException {
        queue.sweep();
        dropEnded();
        boolean prefilled = prefill(session);
        if (used == 0) {
            return prefilled;
        }
        step(session);
        return true;
    }

    private void dropEnded() {
        for (int index = used - 1; index >= 0; index--) {
            if (slot[index].request().isOver()) {
                release(index);
            }
        }
        Filling present = filling;
        if (present != null && present.sequences.getFirst().request().isOver()) {
            filling = null;
            present.sequences.forEach(queue::left);
            freeShelf();
        }
    }

    private void freeShelf() {
        cache.release(shelf);
    }

    // ---- prompts

    private boolean prefill(OrtSession session) throws OrtException {
        Filling present = filling;
        int reserved = present == null ? 0 : present.sequences.size();
        if (present != null && (shelfNext || !queue.hasWaiting() || used + reserved >= slots)) {
            shelfNext = false;
            fill(session, present);
            return true;
        }
        shelfNext = true;
        // There is one shelf: while it is taken, only prompts that do without it are begun.
        List<Sequence> next = queue.take(slots - used - reserved, present == null ? Integer.MAX_VALUE : chunk);
        if (next.isEmpty()) {
            if (present != null) {
                fill(session, present);
                return true;
            }
            return false;
        }
        Filling begun = new Filling(next);
        if (begun.ids.length <= chunk) {
            Drawn drawn = run(session, begun, used, begun.ids.length);
            begin(begun, drawn, used);
        } else {
            filling = begun;
            fill(session, begun);
        }
        return true;
    }

    private void fill(OrtSession session, Filling present) throws OrtException {
        int count = Math.min(chunk, present.ids.length - present.done);
        Drawn drawn = run(session, present, shelf, count);
        if (present.done == present.ids.length) {
            filling = null;
            begin(present, drawn, shelf);
            freeShelf();
        }
    }

    /** Runs the next positions of a prompt in a slot; with the last ones, a token is drawn for each sequence. */
    private Drawn run(OrtSession session, Filling present, int where, int count) throws OrtException {
        int from = present.done;
        boolean last = from + count == present.ids.length;
        int scored = present.score ? count - (last ? 1 : 0) : 0;
        int drawn = last ? present.sequences.size() : 0;
        Rows head = new Rows(scored + drawn);
        ServedRequest request = present.sequences.getFirst().request();
        request.weights(version.getAsLong());
        try (Sampling sampling = new Sampling(config, head.count())) {
            for (int row = 0; row < scored; row++) {
                head.indices()[row] = row;
                head.target()[row] = present.ids[from + row + 1];
                sampling.set(row, request.sampling(), request.likeliest());
            }
            for (int row = scored; row < head.count(); row++) {
                head.indices()[row] = count - 1L;
                if (row < scored + drawn) {
                    head.uniform()[row] = present.sequences.get(row - scored).uniform();
                    sampling.set(row, request.sampling(), request.likeliest());
                }
            }
            int[] piece = Arrays.copyOfRange(present.ids, from, from + count);
            Drawn result = decoder.run(session, sampling, where, new int[][]{piece}, from,
                    from == 0 ? Math.max(count, MIN_ROWS) : count, head);
            present.done += count;
            System.arraycopy(result.logprob(), 0, present.logprobs, Math.min(from, present.logprobs.length), scored);
            System.arraycopy(result.top(), 0, present.top, Math.min(from, present.top.length), scored);
            return result.slice(scored, drawn);
        }
    }

    /** Gives sequences whose prompt is in a slot their first tokens and, when they go on, slots of their own. */
    private void begin(Filling present, Drawn drawn, int where) {
        ServedRequest request = present.sequences.getFirst().request();
        if (present.score) {
            request.scored(present.sequences.getFirst().prompt(), present.logprobs, present.top);
        }
        int length = present.ids.length;
        for (int i = 0; i < present.sequences.size(); i++) {
            Sequence sequence = present.sequences.get(i);
            boolean goesOn = false;
            if (request.sampling().maxTokens() < 1) {
                if (!request.isOver()) {
                    sequence.finishEmpty();
                }
            } else {
                goesOn = sequence.accept(drawn.token()[i], drawn.logprob()[i], drawn.entropy()[i], drawn.top()[i]);
            }
            if (!goesOn) {
                queue.left(sequence);
                continue;
            }
            if (where != used) {
                cache.copy(where, used, length);
            }
            slot[used] = sequence;
            decoder.token(used, drawn.token()[i]);
            decoder.settings(used, request.sampling(), request.likeliest());
            used++;
        }
    }

    // ---- decoding

    private void step(OrtSession session) throws OrtException {
        for (int index = 0; index < used; index++) {
            decoder.place(index, slot[index].position(), slot[index].uniform());
        }
        decoder.step(session, used);
        for (int index = used - 1; index >= 0; index--) {
            if (!slot[index].accept(decoder.token(index), decoder.logprob(index), decoder.entropy(index),
                    decoder.top(index))) {
                release(index);
            }
        }
    }

    /** Frees a slot by moving the last one into it. */
    private void release(int index) {
        queue.left(slot[index]);
        used--;
        if (index != used) {
            Sequence moved = slot[used];
            slot[index] = moved;
            decoder.token(index, decoder.token(used));
            decoder.settings(index, moved.request().sampling(), moved.request().likeliest());
            // The newest token's key and value are not there yet: they come with the next step.
            cache.copy(used, index, moved.position());
        }
        cache.release(used);
    }

    /** Puts everything off: the weights change, and what is in the slots is worth nothing any more. */
    void suspend() {
        List<Sequence> all = new ArrayList<>(Arrays.asList(slot).subList(0, used));
        Filling present = filling;
        if (present != null) {
            all.addAll(present.sequences);
            if (present.score) {
                present.sequences.getFirst().request().notScored(present.sequences.getFirst().prompt());
            }
            filling = null;
        }
        used = 0;
        queue.suspend(all);
    }

    @Override
    public void close() {
        decoder.close();
    }
}
