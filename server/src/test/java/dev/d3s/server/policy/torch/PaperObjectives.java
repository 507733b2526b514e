package dev.d3s.server.policy.torch;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import org.jspecify.annotations.Nullable;

/**
 * The oracle of the objectives: from rewards to the loss in one go, as each paper writes it, in double precision. Gradients
 * are central differences of that same function. Shares nothing with what it is compared with, and knows no weights,
 * micro-batches or tensors.
 *
 * @param name as a job writes it
 * @param advantageScale {@code group} or {@code none}
 * @param norm {@code kept} or {@code all}
 */
record PaperObjectives(String name, String advantageScale, String norm, double clipLow, double clipHigh, double klBeta,
        double importanceCap, int maxTokens) {
    private static final double STEP = 1e-6;

    /**
     * One rollout. Arrays are {@code [T]}.
     *
     * @param reward NaN where grading failed
     * @param selected whether the rollout level kept it
     * @param kept whether the token level kept the token
     * @param weight the selector's, or {@code null}
     * @param old {@code null} in the first update
     */
    record Rollout(int group, double reward, boolean selected, boolean[] kept, float @Nullable [] weight,
            double[] policy, float @Nullable [] old, float[] rollout, float[] reference) {
        int length() {
            return kept.length;
        }

        Rollout withPolicy(double[] values) {
            return new Rollout(group, reward, selected, kept, weight, values, old, rollout, reference);
        }
    }

    /** What an update is said to have done, over kept tokens. */
    record Sums(double clippedLow, double clippedHigh, double divergence, double ratio, double gap, double ratioMax,
            double gapMax, int tokens) {}

    double loss(List<Rollout> rollouts) {
        return loss(rollouts, rollouts);
    }

    /** {@code [R][T]}: dloss / dlogprob of every completion token, kept or not. */
    double[][] derivative(List<Rollout> rollouts) {
        double[][] derivative = new double[rollouts.size()][];
        for (int i = 0; i < derivative.length; i++) {
            Rollout rollout = rollouts.get(i);
            derivative[i] = new double[rollout.length()];
            for (int t = 0; t < rollout.length(); t++) {
                List<Rollout> moved = new ArrayList<>(rollouts);
                double[] policy = rollout.policy.clone();
                policy[t] = rollout.policy[t] + STEP;
                moved.set(i, rollout.withPolicy(policy));
                double above = loss(moved, rollouts);
                policy[t] = rollout.policy[t] - STEP;
                double below = loss(moved, rollouts);
                derivative[i][t] = (above - below) / (2 * STEP);
            }
        }
        return derivative;
    }

    /** @param frozen the same rollouts where the papers stop the gradient */
    private double loss(List<Rollout> rollouts, List<Rollout> frozen) {
        double sumOfRollouts = 0;
        double sumOfTokens = 0;
        double tokenWeight = 0;
        int selected = 0;
        int withTokens = 0;
        for (int i = 0; i < rollouts.size(); i++) {
            Rollout live = rollouts.get(i);
            if (!live.selected) {
                continue;
            }
            selected++;
            double advantage = advantage(rollouts, live);
            double sum = 0;
            double weightOfRollout = 0;
            for (int t = 0; t < live.length(); t++) {
                if (live.kept[t]) {
                    double h = live.weight == null ? 1 : live.weight[t];
                    sum += h * token(live, frozen.get(i), t, advantage);
                    weightOfRollout += h;
                }
            }
            sumOfTokens += sum;
            tokenWeight += norm.equals("kept") ? weightOfRollout : live.length();
            if (weightOfRollout > 0) {
                withTokens++;
                sumOfRollouts += sum / (norm.equals("kept") ? weightOfRollout : live.length());
            }
        }
        if (withTokens == 0) {
            return 0;
        }
        return switch (name) {
            case "grpo", "gspo" -> sumOfRollouts / (norm.equals("kept") ? withTokens : selected);
            case "dapo", "cispo" -> sumOfTokens / tokenWeight;
            case "dr-grpo" -> sumOfTokens / selected / maxTokens;
            default -> throw new IllegalStateException(name);
        };
    }

    private double advantage(List<Rollout> rollouts, Rollout of) {
        double[] rewards = rollouts.stream()
            .filter(other -> other.group == of.group && !Double.isNaN(other.reward))
            .mapToDouble(Rollout::reward)
            .sorted()
            .toArray();
        if (rewards.length < 2 || rewards[rewards.length - 1] - rewards[0] < 1e-9) {
            return 0;
        }
        double mean = 0;
        for (double reward : rewards) {
            mean += reward / rewards.length;
        }
        double variance = 0;
        for (double reward : rewards) {
            variance += Math.pow(reward - mean, 2) / (rewards.length - 1);
        }
        return (of.reward - mean) / (advantageScale.equals("group") ? Math.sqrt(variance) + 1e-4 : 1);
    }

    private double token(Rollout live, Rollout frozen, int t, double advantage) {
        double policy = live.policy[t];
        double here = frozen.policy[t];
        double old = frozen.old == null ? here : frozen.old[t];
        double surrogate = switch (name) {
            case "cispo" -> clip(Math.exp(here - old)) * advantage * policy;
            // equation of the token form: sg(s) * pi / sg(pi)
            case "gspo" -> clipped(sequenceRatio(frozen) * Math.exp(policy) / Math.exp(here), advantage);
            default -> clipped(Math.exp(policy - old), advantage);
        };
        double importance = importanceCap == 0 ? 1 : Math.min(Math.exp(old - frozen.rollout[t]), importanceCap);
        return -importance * surrogate + klBeta * divergence(live, t);
    }

    private double clipped(double ratio, double advantage) {
        return Math.min(ratio * advantage, clip(ratio) * advantage);
    }

    private double clip(double ratio) {
        return Math.max(1 - clipLow, Math.min(ratio, 1 + clipHigh));
    }

    private static double divergence(Rollout live, int t) {
        double difference = live.reference[t] - live.policy[t];
        return Math.exp(difference) - difference - 1;
    }

    static double sequenceRatio(Rollout rollout) {
        double product = 1;
        for (int t = 0; t < rollout.length(); t++) {
            double old = rollout.old == null ? rollout.policy[t] : rollout.old[t];
            product *= Math.exp(rollout.policy[t]) / Math.exp(old);
        }
        return Math.pow(product, 1.0 / rollout.length());
    }

    /** The ratio that is clipped at a token. */
    double ratio(Rollout rollout, int t) {
        if (name.equals("gspo")) {
            return sequenceRatio(rollout);
        }
        return rollout.old == null ? 1 : Math.exp(rollout.policy[t] - rollout.old[t]);
    }

    Sums sums(List<Rollout> rollouts) {
        double clippedLow = 0;
        double clippedHigh = 0;
        double divergence = 0;
        double ratios = 0;
        double gaps = 0;
        double ratioMax = 0;
        double gapMax = 0;
        int tokens = 0;
        for (Rollout rollout : rollouts) {
            double advantage = advantage(rollouts, rollout);
            for (int t = 0; t < rollout.length(); t++) {
                if (rollout.selected && rollout.kept[t]) {
                    double ratio = ratio(rollout, t);
                    boolean either = name.equals("cispo") && advantage != 0;
                    clippedLow += (advantage < 0 || either) && ratio < 1 - clipLow ? 1 : 0;
                    clippedHigh += (advantage > 0 || either) && ratio > 1 + clipHigh ? 1 : 0;
                    divergence += divergence(rollout, t);
                    ratios += ratio;
                    double gap = Math.abs((rollout.old == null ? rollout.policy[t] : rollout.old[t])
                            - rollout.rollout[t]);
                    gaps += gap;
                    ratioMax = Math.max(ratioMax, ratio);
                    gapMax = Math.max(gapMax, gap);
                    tokens++;
                }
            }
        }
        return new Sums(clippedLow, clippedHigh, divergence, ratios, gaps, ratioMax, gapMax, tokens);
    }

    /** GSPO as its paper defines it before it turns to tokens: the mean over rollouts of one term each. */
    double sequenceLoss(List<Rollout> rollouts) {
        double sum = 0;
        int selected = 0;
        for (Rollout rollout : rollouts) {
            if (rollout.selected) {
                sum -= clipped(sequenceRatio(rollout), advantage(rollouts, rollout));
                selected++;
            }
        }
        return sum / selected;
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%s, norm %s, beta %s, cap %s", name, norm, klBeta, importanceCap);
    }
}
