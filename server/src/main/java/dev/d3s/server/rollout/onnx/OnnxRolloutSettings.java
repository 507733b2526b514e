package dev.d3s.server.rollout.onnx;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.ServingLimits;

/**
 * How the engine uses the machine. None of it changes what is generated, except that the two refresh modes may differ in
 * the last bit of a log-probability.
 *
 * @param workers threads that each fill slots of their own; they share one session
 * @param intraOpThreads threads of one run; 1 when there are several workers
 * @param slotsPerWorker completions that a worker decodes together
 * @param maxSequenceLength T, positions of a slot: prompt and completion together; at least 2
 * @param refreshMode how weights are taken over; {@code null} measures both at open and takes the cheaper
 * @param expectedTokensPerRefresh generated tokens between two refreshes, for that choice
 */
public record OnnxRolloutSettings(int workers, int intraOpThreads, int slotsPerWorker, int maxSequenceLength,
        @Nullable RefreshMode refreshMode, long expectedTokensPerRefresh) {
    private static final int SLOTS = 64;
    private static final int GUEST_POSITIONS = 8192;
    private static final long CACHE_BYTES = 2L << 30;
    /** Above this many parameters a step streams so much memory that threads had better share it. */
    private static final long LARGE_MODEL = 100_000_000L;

    public OnnxRolloutSettings {
        if (workers < 1 || intraOpThreads < 1 || slotsPerWorker < 1 || maxSequenceLength < 2) {
            throw new IllegalArgumentException(
                    "Workers, threads and slots start at 1, the sequence length at 2: " + workers + ", "
                            + intraOpThreads + ", " + slotsPerWorker + ", " + maxSequenceLength);
        }
    }

    /**
     * One worker per core for small models, one worker on all cores for large ones; up to 64 slots each, as far as their
     * keys and values fit into 2 GiB.
     *
     * @param cores processor cores to use
     * @param maxSequenceLength longest prompt and completion together; the model's context bounds it
     * @param expectedTokensPerRefresh generated tokens between two refreshes; {@code Long.MAX_VALUE} when
     *            weights never change
     */
    public static OnnxRolloutSettings forModel(ModelConfig config, int cores, int maxSequenceLength,
            long expectedTokensPerRefresh) {
        boolean large = ParameterLayout.parameterCount(config) > LARGE_MODEL;
        int workers = large ? 1 : Math.max(1, cores);
        int positions = Math.max(2, Math.min(maxSequenceLength, config.contextLength()));
        long slotBytes = KeyValueBuffers.slotBytes(config, positions);
        long bySize = CACHE_BYTES / (2L * config.layers() * slotBytes * workers);
        long byBuffer = Integer.MAX_VALUE / slotBytes - 2;
        int slots = Math.clamp(Math.min(bySize, byBuffer), 1, SLOTS);
        return new OnnxRolloutSettings(workers, large ? Math.max(1, cores) : 1, slots, positions, null,
                expectedTokensPerRefresh);
    }

    /**
     * For many clients of a model: slots as long as the model's context, or as all of the memory for keys and values, since
     * they take memory only for what is in them.
     */
    public static OnnxRolloutSettings forServing(ModelConfig config, int cores, ServingLimits limits) {
        boolean large = ParameterLayout.parameterCount(config) > LARGE_MODEL;
        int workers = large ? 1 : Math.clamp(cores, 1, limits.slots());
        long most = limits.memory() / KeyValueBuffers.positionBytes(config);
        int positions = (int) Math.max(2, Math.min(most, config.contextLength()));
        long byBuffer = Integer.MAX_VALUE / KeyValueBuffers.slotBytes(config, positions) - 2;
        int slots = Math.clamp(byBuffer, 1, Math.ceilDiv(limits.slots(), workers));
        return new OnnxRolloutSettings(workers, large ? Math.max(1, cores) : 1, slots, positions,
                RefreshMode.RECREATE, Long.MAX_VALUE);
    }

    /** T of a slot for clients of a job's policy, whose own slots have only as many positions as its longest rollout. */
    static int guestPositions(ModelConfig config, int positions) {
        return Math.max(positions, Math.min(config.contextLength(), GUEST_POSITIONS));
    }

    /** The same with a fixed refresh mode. */
    public OnnxRolloutSettings with(RefreshMode mode) {
        return new OnnxRolloutSettings(workers, intraOpThreads, slotsPerWorker, maxSequenceLength, mode,
                expectedTokensPerRefresh);
    }

    /** The same with at most this many completions at a time in the whole engine. */
    public OnnxRolloutSettings withConcurrency(int completions) {
        int used = Math.clamp(completions, 1, workers);
        int slots = Math.min(slotsPerWorker, Math.max(1, Math.ceilDiv(completions, used)));
        return new OnnxRolloutSettings(used, intraOpThreads, slots, maxSequenceLength, refreshMode,
                expectedTokensPerRefresh);
    }
}
