package dev.d3s.server.policy.torch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.policy.TrainingSequence;

/** Seeded rollouts of ragged lengths with dropped tokens, and the numbers an update needs about them. */
final class RandomSequences {
    private final ModelConfig config;
    private final SplittableRandom random;
    private double keep = 0.5;
    private boolean old = true;
    private boolean rollout = true;
    private boolean reference = true;

    RandomSequences(ModelConfig config, long seed) {
        this.config = config;
        random = new SplittableRandom(seed);
    }

    RandomSequences keeping(double share) {
        keep = share;
        return this;
    }

    RandomSequences withoutOld() {
        old = false;
        return this;
    }

    RandomSequences withoutReference() {
        reference = false;
        return this;
    }

    RandomSequences withoutRollout() {
        rollout = false;
        return this;
    }

    List<TrainingSequence> of(int count, int maxPrompt, int maxCompletion) {
        List<TrainingSequence> sequences = new ArrayList<>();
        for (int index = 0; index < count; index++) {
            int prompt = random.nextInt(1, maxPrompt + 1);
            int completion = random.nextInt(1, maxCompletion + 1);
            int[] tokens = random.ints(prompt + completion, 0, config.vocabularySize()).toArray();
            float[] weight = new float[completion];
            for (int token = 0; token < completion; token++) {
                weight[token] = random.nextDouble() < keep ? (float) random.nextDouble(0.01, 0.1) : 0;
            }
            weight[random.nextInt(completion)] = 0.05f;
            float[] typical = near(typicalLogprob(), completion, 0.5);
            sequences.add(new TrainingSequence(tokens, prompt, random.nextDouble(-2, 2), weight,
                    rollout ? near(typical, 0.05) : null, old ? typical : null,
                    reference ? near(typical, 0.3) : null));
        }
        return sequences;
    }

    private float typicalLogprob() {
        return (float) -Math.log(config.vocabularySize());
    }

    private float[] near(float centre, int length, double spread) {
        float[] values = new float[length];
        Arrays.fill(values, centre);
        return near(values, spread);
    }

    private float[] near(float[] centre, double spread) {
        float[] values = centre.clone();
        for (int index = 0; index < values.length; index++) {
            values[index] = (float) Math.min(values[index] + random.nextGaussian() * spread, 0);
        }
        return values;
    }

    /** The same sequence without reference log-probabilities. */
    static TrainingSequence withoutReference(TrainingSequence sequence) {
        return new TrainingSequence(sequence.tokens(), sequence.promptLength(), sequence.advantage(),
                sequence.lossWeight(), sequence.rolloutLogprobs(), sequence.oldLogprobs(), null);
    }
}
