package dev.d3s.server.training;

import java.util.Arrays;

/** Every metric a step can report, with the name under which it is stored and served. */
public enum Metric {
    REWARD_MEAN("reward_mean", "mean reward of the graded rollouts"), //
    REWARD_STD("reward_std", "standard deviation of the reward over graded rollouts (ddof 1)"), //
    UNGRADED_RATIO("ungraded_ratio", "share of rollouts whose grader failed"), //
    DEGENERATE_GROUP_RATIO("degenerate_group_ratio", "share of groups whose rewards are all equal"), //
    USEFUL_RATIO("useful_ratio", "share of all rollouts with |advantage| > 0"), //
    USEFUL_RATIO_KEPT("useful_ratio_kept", "share of kept rollouts with |advantage| > 0"), //
    ADVANTAGE_VARIANCE("advantage_variance", "variance of the advantage over all rollouts"), //
    ADVANTAGE_VARIANCE_KEPT("advantage_variance_kept", "variance of the advantage over kept rollouts"), //
    KEPT_ROLLOUTS("kept_rollouts", "rollouts trained on"), //
    KEPT_ROLLOUT_RATIO("kept_rollout_ratio", "kept rollouts over all rollouts"), //
    KEPT_TOKENS("kept_tokens", "tokens trained on"), //
    KEPT_TOKEN_RATIO("kept_token_ratio", "kept tokens over tokens of the kept rollouts"), //
    TRAINED_TOKENS("trained_tokens", "kept tokens so far, counted in each pass over them"), //
    GENERATED_TOKENS("generated_tokens", "generated tokens so far"), //
    COMPUTED_TOKENS("computed_tokens", "tokens that went through the trainer's decoder in this step's updates"), //
    UPDATES("updates", "optimizer steps of this step"), //
    LOSS("loss", "the minimised sum, before the optimizer step"), //
    GRADIENT_NORM("gradient_norm", "L2 norm of the policy gradient before clipping"), //
    ENTROPY("entropy", "mean entropy over all completion tokens, nats"), //
    ENTROPY_KEPT("entropy_kept", "mean entropy over kept tokens, nats"), //
    CLIP_FRACTION_LOW("clip_fraction_low", "share of kept tokens whose ratio is clipped at 1 - clip_low"), //
    CLIP_FRACTION_HIGH("clip_fraction_high", "share of kept tokens whose ratio is clipped at 1 + clip_high"), //
    KL("kl", "mean k3 estimate of the KL divergence to the reference policy"), //
    RATIO_MEAN("ratio_mean", "mean probability ratio of the policy to the one at the start of the update"), //
    RATIO_MAX("ratio_max", "largest such ratio"), //
    ENGINE_GAP_MEAN("engine_gap_mean", "mean |oldLogprobs - rolloutLogprobs|"), //
    ENGINE_GAP_MAX("engine_gap_max", "largest |oldLogprobs - rolloutLogprobs|"), //
    COMPLETION_LENGTH_MEAN("completion_length_mean", "mean completion length in tokens"), //
    COMPLETION_LENGTH_MAX("completion_length_max", "longest completion in tokens"), //
    TRUNCATED_RATIO("truncated_ratio", "share of completions that hit the length limit"), //
    LEARNING_RATE("learning_rate", "learning rate of this step"), //
    SKIPPED("skipped", "1 when nothing was informative and the update was skipped, else 0"), //
    SECONDS_ROLLOUT("seconds_rollout", "seconds generating rollouts"), //
    SECONDS_REFRESH("seconds_refresh", "seconds taking new weights over into the rollout engine"), //
    SECONDS_GRADE("seconds_grade", "seconds waiting for graders after generation"), //
    SECONDS_SELECT("seconds_select", "seconds selecting rollouts and tokens"), //
    SECONDS_UPDATE("seconds_update", "seconds in the policy update"), //
    SECONDS_EVAL("seconds_eval", "seconds evaluating"), //
    SECONDS_CHECKPOINT("seconds_checkpoint", "seconds writing the checkpoint after the step before"), //
    TOKENS_PER_SECOND("tokens_per_second", "generated tokens per second of the whole step"), //
    POLICY_VERSION("policy_version", "weight version after the step"), //
    ACCURACY("accuracy", "mean greedy reward on the validation file (steps that evaluate)"), //
    ACCURACY_STANDARD_ERROR("accuracy_standard_error", "standard error of accuracy over rows (steps that evaluate)"), //
    VALIDATION_LOSS("validation_loss", "cross-entropy on the validation file (supervised, steps that evaluate)");

    private final String key;
    private final String description;

    Metric(String key, String description) {
        this.key = key;
        this.description = description;
    }

    /** Whether a step may report something under this name: what plugins and evaluations name themselves counts by its beginning. */
    public static boolean mayBe(String key) {
        return Arrays.stream(values()).anyMatch(metric -> metric.key.equals(key))
                || key.matches("(reward_part|rollout_selector|token_selector|avg_at|pass_at)_.+");
    }

    /** Whether it says how long something took: it differs between two runs of the same job, as no other metric does. */
    public boolean measuresTime() {
        return isPhase() || this == TOKENS_PER_SECOND;
    }

    /** Whether it is the seconds of a phase of a step; together they are the step but for what happens between them. */
    public boolean isPhase() {
        return key.startsWith("seconds_");
    }

    /** The stored name, snake_case. */
    public String key() {
        return key;
    }

    public String description() {
        return description;
    }
}
