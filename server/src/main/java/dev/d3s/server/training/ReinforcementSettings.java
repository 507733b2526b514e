package dev.d3s.server.training;

import dev.d3s.server.advantage.Scale;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.selection.LossWeights;

/**
 * A reinforcement job, fully expanded. Choices the D3S paper (arXiv 2509.22115) leaves open are options whose defaults are
 * ours; they are marked [ours].
 *
 * @param preset the preset it was expanded from
 * @param steps training steps
 * @param promptsPerStep P
 * @param groupSize G
 * @param maxTokens length limit of a completion
 * @param temperature of sampling, positive
 * @param advantageScale [ours] what the centred reward is divided by
 * @param advantageMinRange [ours] a group whose rewards span no more than this is degenerate: all its advantages are 0
 * @param rollouts the rollout level
 * @param tokens the token level
 * @param tokenNorm [ours] whether dropped tokens count in the loss's denominator
 * @param entropySource [ours] whose entropies rank the tokens
 * @param objective name and numbers
 * @param updates how often a batch of rollouts is used
 * @param grader type and configuration of the reward function
 * @param graderTimeoutSeconds time limit of one grading
 * @param policy what is trained, and in which numbers
 * @param recording which rollouts people can look at afterwards
 */
public record ReinforcementSettings(String preset, int steps, int promptsPerStep, int groupSize, int maxTokens,
        double temperature, Scale advantageScale, double advantageMinRange, SelectionSettings rollouts,
        SelectionSettings tokens, TokenNorm tokenNorm, EntropySource entropySource, ObjectiveSettings objective,
        UpdateSettings updates, PluginChoice grader, double graderTimeoutSeconds, PolicySettings policy,
        OptimizerSettings optimizer, EvaluationSettings evaluation,
        CheckpointSettings checkpoints, RecordingSettings recording) implements TrainingSettings {
    /** Denominator of the loss after dropping tokens. */
    public enum TokenNorm {
        /** The kept tokens. */
        KEPT(LossWeights.Denominator.KEPT),
        /** All completion tokens of the kept rollouts. */
        ALL(LossWeights.Denominator.ALL);

        private final LossWeights.Denominator denominator;

        TokenNorm(LossWeights.Denominator denominator) {
            this.denominator = denominator;
        }

        LossWeights.Denominator denominator() {
            return denominator;
        }
    }

    /** Where token entropies come from. */
    public enum EntropySource {
        /** The rollout engine, while sampling: free. */
        ROLLOUT,
        /** The trainer, in a scoring pass before token selection. */
        RECOMPUTE
    }
}
