package dev.d3s.server.planning;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.torch.ActivationCheckpointing;
import dev.d3s.server.policy.torch.TorchPolicySettings;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.onnx.OnnxRolloutSettings;

/**
 * How a job's engines use the machine. Stored with the job: workers, threads and the cut of micro-batches decide in which
 * order numbers are added, so a run that goes on must have what it began with.
 *
 * @param trainerWorkers threads that compute micro-batches side by side
 * @param trainerThreads threads inside one of their matrix products
 * @param tokensPerMicroBatch most padded tokens of a micro-batch
 * @param headRows rows of the lm_head at a time
 * @param activationCheckpointing what a forward pass keeps
 * @param rolloutWorkers threads that each fill slots of their own
 * @param rolloutThreads threads inside one of their matrix products
 * @param slotsPerWorker completions that a worker decodes together
 * @param refresh how the rollout engine takes over weights
 */
public record EngineSettings(int trainerWorkers, int trainerThreads, int tokensPerMicroBatch, int headRows,
        ActivationCheckpointing activationCheckpointing, int rolloutWorkers, int rolloutThreads, int slotsPerWorker,
        Refresh refresh) {
    /** How weights are taken over. */
    public enum Refresh {
        /** Both ways are tried when the engine opens, and the cheaper one is used. */
        MEASURED,
        /** The engine reads the trainer's memory. */
        IN_PLACE,
        /** Its session is made anew, with matrices packed for speed. */
        RECREATE;

        @Nullable
        RefreshMode mode() {
            return switch (this) {
                case MEASURED -> null;
                case IN_PLACE -> RefreshMode.IN_PLACE;
                case RECREATE -> RefreshMode.RECREATE;
            };
        }
    }

    /** What the engines would choose with memory to spare. */
    static EngineSettings ample(Workload workload, int cores) {
        ModelConfig config = workload.config();
        TorchPolicySettings trainer = TorchPolicySettings.forModel(config, cores, workload.policy());
        OnnxRolloutSettings rollouts = OnnxRolloutSettings.forModel(config, cores, workload.longestGenerated(), 0);
        return new EngineSettings(trainer.workers(), trainer.intraOpThreads(), trainer.tokensPerMicroBatch(),
                trainer.logitsRows(config), trainer.activationCheckpointing(), rollouts.workers(),
                rollouts.intraOpThreads(), rollouts.slotsPerWorker(), Refresh.MEASURED);
    }

    /** Most processor threads that one of the engines uses; they take turns. */
    public int threads() {
        return Math.max(trainerWorkers * trainerThreads, rolloutWorkers * rolloutThreads);
    }

    /** For the trainer. */
    public TorchPolicySettings trainer(ModelConfig config, PolicySettings policy) {
        return new TorchPolicySettings(trainerWorkers, trainerThreads, tokensPerMicroBatch,
                2L * Float.BYTES * config.vocabularySize() * headRows, activationCheckpointing, policy.precision(),
                policy.lora());
    }

    /**
     * For the rollout engine.
     *
     * @param maxSequenceLength prompt and completion tokens of the longest sequence
     * @param mode how weights are taken over where the run knows it already
     */
    public OnnxRolloutSettings rollouts(ModelConfig config, int maxSequenceLength, long tokensPerRefresh,
            @Nullable RefreshMode mode) {
        return new OnnxRolloutSettings(rolloutWorkers, rolloutThreads, slotsPerWorker,
                Math.max(2, Math.min(maxSequenceLength, config.contextLength())), mode == null ? refresh.mode() : mode,
                tokensPerRefresh);
    }
}
