package dev.d3s.server.rollout.onnx;

import java.util.Arrays;
import java.util.List;

import org.jspecify.annotations.Nullable;

import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.onnx.DecodeSlots.Drawn;
import dev.d3s.server.rollout.onnx.DecodeSlots.Rows;
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
 * One thread at a time; closed by the engine.
 */
final class DecodeWorker implements AutoCloseable {
    /** Tokens of a prompt in one run; attention needs memory for heads * CHUNK * length. */
    static final int CHUNK = 1024;
    static final int MAX_PREFILL_ROWS = 2 * CHUNK;
    private static final int MIN_ROWS = DecodeSlots.MIN_ROWS;
    /** Values of logits that one scoring run may make. */
    private static final int MAX_SCORED_LOGITS = 1 << 24;

    private final ModelConfig config;
    private final int slots;
    private final int shelf;
    private final DecodeSlots decoder;

    // The slots in use.
    private int used;
    private final int[] request;
    private final int[] member;

    // The prompt on the shelf, and the first tokens of its group's members.
    private int shelved = -1;
    private int shelvedFrom;
    private Drawn shelvedTokens = new Drawn(0);

    DecodeWorker(ModelConfig config, int slots, int positions) {
        this.config = config;
        this.slots = slots;
        shelf = Math.max(slots, MIN_ROWS);
        decoder = new DecodeSlots(config, new KeyValueBuffers(config, shelf + 1, positions), slots);
        request = new int[slots];
        member = new int[slots];
    }

    /**
     * Takes part in a generate call until there is nothing left to begin or to continue.
     *
     * @param visitor clients who get turns meanwhile
     */
    void run(Generation generation, OrtSession session, int concurrency, Guests.@Nullable Visitor visitor)
            throws OrtException {
        used = 0;
        shelved = -1;
        decoder.settings(generation.sampling());
        int room = Math.clamp(concurrency, 1, slots);
        while (true) {
            generation.checkStopped();
            long begin = visitor == null ? 0 : System.nanoTime();
            refill(generation, session, room);
            if (used > 0) {
                step(generation, session);
            } else if (visitor == null || !generation.isOpen() || !visitor.idle(session)) {
                return;
            }
            if (visitor != null && used > 0) {
                visitor.worked(System.nanoTime() - begin, session);
            }
        }
    }

    // ---- filling slots

    private void refill(Generation generation, OrtSession session, int room) throws OrtException {
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
            prefill(generation, session, assignments);
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
                decoder.copy(shelf, slot, generation.prompt(shelved).length);
                return true;
            }
        }
        return false;
    }

    /** Gives a member its first token and, when it goes on, a slot. */
    private boolean begin(Generation generation, int group, int index, Drawn first, int at, int slot) {
        int token = first.token()[at];
        if (!generation.accept(group, index, token, first.logprob()[at], first.entropy()[at])) {
            return false;
        }
        request[slot] = group;
        member[slot] = index;
        decoder.token(slot, token);
        return true;
    }

    private void prefill(Generation generation, OrtSession session, List<Assignment> assignments)
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
        Rows head = new Rows(rows);
        int next = 0;
        for (int i = 0; i < members.length; i++) {
            Assignment assignment = assignments.get(i);
            prompts[i] = generation.prompt(assignment.request());
            for (int j = 0; j < members[i]; j++) {
                row[next] = i;
                head.uniform()[next++] = generation.uniform(assignment.request(), assignment.from() + j);
            }
        }
        Drawn drawn = runPrompts(session, generation.sampling(), used, prompts, row, head);

        int region = used;
        int extra = used + members.length;
        boolean[] vacant = new boolean[slots];
        next = 0;
        for (int i = 0; i < members.length; i++) {
            Assignment assignment = assignments.get(i);
            int length = prompts[i].length;
            if (members[i] > assignment.count()) {
                decoder.copy(region + i, shelf, length);
                shelved = assignment.request();
                shelvedFrom = assignment.from();
                shelvedTokens = drawn.slice(next, members[i]);
            }
            vacant[region + i] = true;
            for (int j = 0; j < assignment.count(); j++) {
                int slot = vacant[region + i] ? region + i : extra;
                if (begin(generation, assignment.request(), assignment.from() + j, drawn, next + j, slot)) {
                    if (slot == extra) {
                        decoder.copy(region + i, extra++, length);
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

    /** Frees a slot by moving the last one into it. */
    private void release(Generation generation, int slot) {
        used--;
        if (slot != used) {
            request[slot] = request[used];
            member[slot] = member[used];
            decoder.token(slot, decoder.token(used));
            // The newest token's key and value are not there yet: they come with the next step.
            decoder.copy(used, slot, generation.prompt(request[used]).length
                    + generation.length(request[used], member[used]) - 1);
        }
    }

    // ---- decoding

    private void step(Generation generation, OrtSession session) throws OrtException {
        for (int slot = 0; slot < used; slot++) {
            int length = generation.length(request[slot], member[slot]);
            decoder.place(slot, generation.prompt(request[slot]).length + length - 1,
                    generation.uniform(request[slot], member[slot]));
        }
        decoder.step(session, used);
        for (int slot = used - 1; slot >= 0; slot--) {
            if (!generation.accept(request[slot], member[slot], decoder.token(slot), decoder.logprob(slot),
                    decoder.entropy(slot)) && !beginFromShelf(generation, slot)) {
                release(generation, slot);
            }
        }
    }

    // ---- prompts

    /**
     * Prefills prompts into consecutive slots.
     *
     * @param row {@code [R]} the prompt from whose last position each row is drawn
     */
    private Drawn runPrompts(OrtSession session, SamplingSettings settings, int slot, int[][] prompts, int[] row,
            Rows head) throws OrtException {
        int longest = 0;
        for (int[] prompt : prompts) {
            longest = Math.max(longest, prompt.length);
        }
        try (Sampling sampling = Sampling.of(config, settings, head.count())) {
            int done = 0;
            while (longest - done > CHUNK) {
                // Only a prompt on its own is longer than a chunk.
                extend(session, sampling, slot, prompts[0], done, CHUNK, new Rows(0));
                done += CHUNK;
            }
            if (done > 0) {
                Arrays.fill(head.indices(), longest - done - 1L);
                return extend(session, sampling, slot, prompts[0], done, longest - done, head);
            }
            int width = Math.max(longest, MIN_ROWS);
            for (int i = 0; i < row.length; i++) {
                head.indices()[i] = (long) row[i] * width + prompts[row[i]].length - 1;
            }
            return decoder.run(session, sampling, slot, prompts, 0, width, head);
        }
    }

    /** Runs positions {@code from <= position < from + count} of one sequence, whose earlier ones are in the slot. */
    private Drawn extend(OrtSession session, Sampling sampling, int slot, int[] sequence, int from, int count,
            Rows head) throws OrtException {
        return decoder.run(session, sampling, slot, new int[][]{Arrays.copyOfRange(sequence, from, from + count)},
                from, count, head);
    }

    /** Scores the tokens from {@code promptLength} on; see {@link dev.d3s.server.rollout.RolloutEngine#score}. */
    TokenScores score(OrtSession session, int[] sequence, int promptLength, double temperature) throws OrtException {
        int scored = sequence.length - promptLength;
        TokenScores scores = new TokenScores(new float[scored], new float[scored]);
        int step = Math.clamp(MAX_SCORED_LOGITS / config.vocabularySize(), MIN_ROWS, CHUNK);
        try (Sampling sampling = Sampling.of(config, SamplingSettings.of(1, temperature, 0),
                Math.max(step, MIN_ROWS))) {
            // The last token is only a target; a run has at least two positions, if need be one of padding.
            int inputs = sequence.length - 1;
            for (int from = 0; from < inputs; from += step) {
                int count = Math.min(step, inputs - from);
                int first = Math.max(from, promptLength - 1);
                int rows = from + count - first;
                Rows head = new Rows(rows);
                for (int i = 0; i < rows; i++) {
                    head.indices()[i] = (long) first - from + i;
                    head.target()[i] = sequence[first + i + 1];
                }
                if (rows < head.count()) {
                    Arrays.fill(head.target(), Math.max(0, rows), head.count(), 0);
                }
                int width = from == 0 ? Math.max(count, MIN_ROWS) : count;
                int[] piece = Arrays.copyOfRange(sequence, from, from + count);
                Drawn result = decoder.run(session, sampling, 0, new int[][]{piece}, from, width, head);
                if (rows > 0) {
                    System.arraycopy(result.logprob(), 0, scores.logprobs(), first + 1 - promptLength, rows);
                    System.arraycopy(result.entropy(), 0, scores.entropies(), first + 1 - promptLength, rows);
                }
            }
        }
        return scores;
    }

    @Override
    public void close() {
        decoder.close();
    }
}
