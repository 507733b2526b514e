package dev.d3s.server.training;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.planning.Workload;

/** What of a job's settings decides its memory. */
public final class Workloads {
    private Workloads() {}

    /**
     * @param longestPrompt tokens
     * @param longestCompletion tokens of the longest completion in the rows, its end included
     * @param longestRow tokens of the longest prompt and completion together
     */
    public static Workload of(ModelConfig config, TrainingSettings settings, int longestPrompt, int longestCompletion,
            int longestRow) {
        int prompt = Math.max(1, longestPrompt);
        int samples = settings.evaluation().samples();
        return switch (settings) {
            case ReinforcementSettings job -> new Workload(config, job.policy(), job.objective().klBeta() != 0,
                    Math.max(job.promptsPerStep(), samples), job.groupSize(), prompt, job.maxTokens(),
                    sequences(job), prompt + job.maxTokens(), job.maxTokens(),
                    Math.max(job.tokens().keepFrom(), job.tokens().keepTo()));
            case SupervisedSettings job -> new Workload(config, job.policy(), false, samples, 1, prompt,
                    job.maxTokens(), job.batchSize(), Math.max(2, longestRow), Math.max(1, longestCompletion), 1);
        };
    }

    /** Most rollouts that one update trains on. */
    private static int sequences(ReinforcementSettings job) {
        double kept = Math.max(job.rollouts().keepFrom(), job.rollouts().keepTo()) * job.promptsPerStep()
                * job.groupSize();
        return Math.max(1, (int) Math.ceil(kept / job.updates().miniBatches()));
    }
}
