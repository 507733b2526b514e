package dev.d3s.server.policy.torch;

import java.nio.FloatBuffer;
import java.util.List;
import java.util.Objects;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.training.GradientCollector;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Weights;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.TrainingSequence;

/**
 * The oracle: the same decoder and objective written a second time, as plainly as possible, in fp64, one sequence at a time,
 * every position computed, gradients by libtorch's own tape. Shares nothing with the program but the parameter layout.
 *
 * <p>Numbers that a product or quotient keeps for its backward pass are arrays of the scope: where DJL makes one of a Java
 * number it gives its memory back at once, and the garbage collector decides what the backward pass finds there.
 */
final class NDArrayDecoder implements AutoCloseable {
    private final ModelConfig config;
    private final NDManager manager = TorchRuntime.newManager();
    private final NDArray[] parameters;

    NDArrayDecoder(ModelConfig config, Weights weights) {
        // small tensors: a second thread would only be waited for
        JniUtils.setNumThreads(1);
        this.config = config;
        parameters = new NDArray[weights.parameters().size()];
        for (int index = 0; index < parameters.length; index++) {
            Parameter parameter = weights.parameters().get(index);
            FloatBuffer floats = weights.values(index).asFloatBuffer();
            double[] values = new double[floats.remaining()];
            for (int at = 0; at < values.length; at++) {
                values[at] = floats.get(at);
            }
            parameters[index] = manager.create(values, new Shape(parameter.shape()));
            parameters[index].setRequiresGradient(true);
        }
    }

    /** The loss of an update and its gradient by every parameter. */
    record Result(double loss, double[][] gradients) {}

    Result gradients(List<TrainingSequence> sequences, Objective objective) {
        try (NDManager scope = manager.newSubManager();
                GradientCollector collector = scope.getEngine().newGradientCollector()) {
            NDArray loss = scope.create(0.0);
            for (TrainingSequence sequence : sequences) {
                loss = loss.add(loss(scope, sequence, objective));
            }
            collector.backward(loss);
            double[][] gradients = new double[parameters.length][];
            for (int index = 0; index < parameters.length; index++) {
                gradients[index] = parameters[index].getGradient().toDoubleArray();
            }
            return new Result(loss.getDouble(), gradients);
        }
    }

    /** {@code [T]} of the completion. */
    double[] logprobs(int[] tokens, int promptLength, double temperature) {
        try (NDManager scope = manager.newSubManager()) {
            NDArray all = distributions(scope, tokens, temperature)
                .get((promptLength - 1) + ":" + (tokens.length - 1));
            return pick(scope, all, tokens, promptLength).toDoubleArray();
        }
    }

    TokenScores score(int[] tokens, int promptLength, double temperature) {
        try (NDManager scope = manager.newSubManager()) {
            NDArray all = distributions(scope, tokens, temperature)
                .get((promptLength - 1) + ":" + (tokens.length - 1));
            NDArray entropies = all.exp().mul(all).sum(new int[]{1}).neg();
            return new TokenScores(floats(pick(scope, all, tokens, promptLength)), floats(entropies));
        }
    }

    private NDArray loss(NDManager scope, TrainingSequence sequence, Objective objective) {
        NDArray all = distributions(scope, sequence.tokens(), objective.temperature())
            .get((sequence.promptLength() - 1) + ":" + (sequence.tokens().length - 1));
        NDArray policy = pick(scope, all, sequence.tokens(), sequence.promptLength());
        NDArray weight = doubles(scope, sequence.lossWeight());
        return switch (objective) {
            case Objective.CrossEntropy ignored -> policy.neg().mul(weight).sum();
            case Objective.PolicyGradient gradient ->
                policyGradient(scope, sequence, gradient, policy).mul(weight).sum();
        };
    }

    private static NDArray policyGradient(NDManager scope, TrainingSequence sequence,
            Objective.PolicyGradient objective, NDArray policy) {
        NDArray old = sequence.oldLogprobs() == null ? policy.stopGradient() : doubles(scope, sequence.oldLogprobs());
        NDArray loss = switch (objective) {
            case Objective.ClippedRatio clip ->
                surrogate(policy.sub(old).exp(), scope.create(sequence.advantage()), clip);
            case Objective.SequenceRatio clip ->
                surrogate(sequenceRatio(policy, old), scope.create(sequence.advantage()), clip);
            case Objective.ClippedWeight clip -> policy.sub(old)
                .exp()
                .clip(1 - clip.clipLow(), 1 + clip.clipHigh())
                .stopGradient()
                .mul(policy)
                .mul(scope.create(-sequence.advantage()));
        };
        if (objective.importanceCap() > 0 && sequence.rolloutLogprobs() != null) {
            loss = loss.mul(old.sub(doubles(scope, sequence.rolloutLogprobs()))
                .exp()
                .minimum(scope.create(objective.importanceCap())));
        }
        if (objective.klBeta() != 0) {
            float[] reference = Objects.requireNonNull(sequence.referenceLogprobs());
            NDArray difference = doubles(scope, reference).sub(policy);
            loss = loss.add(difference.exp().sub(difference).sub(1).mul(scope.create(objective.klBeta())));
        }
        return loss;
    }

    /** Each token with the value of the sequence's ratio and the gradient of its own. */
    private static NDArray sequenceRatio(NDArray policy, NDArray old) {
        NDArray value = policy.sub(old).mean().exp().stopGradient();
        return policy.exp().div(policy.exp().stopGradient()).mul(value);
    }

    private static NDArray surrogate(NDArray ratio, NDArray advantage, Objective.PolicyGradient clip) {
        NDArray clipped = ratio.clip(1 - clip.clipLow(), 1 + clip.clipHigh());
        return ratio.mul(advantage).minimum(clipped.mul(advantage)).neg();
    }

    /** Log-probabilities of every next token, [T][V]. */
    private NDArray distributions(NDManager scope, int[] tokens, double temperature) {
        NDArray x = hidden(scope, tokens);
        NDArray head = config.tiedEmbeddings() ? parameters[0] : parameters[parameters.length - 1];
        return x.matMul(head.transpose()).div(scope.create(temperature)).logSoftmax(-1);
    }

    private NDArray hidden(NDManager scope, int[] tokens) {
        int length = tokens.length;
        int size = config.headDim();
        NDArray x = parameters[0].get(scope.create(tokens));
        NDArray angles = angles(scope, length);
        NDArray causal = causal(scope, length);
        for (int layer = 0; layer < config.layers(); layer++) {
            NDArray[] p = new NDArray[7];
            System.arraycopy(parameters, 1 + 7 * layer, p, 0, 7);
            NDArray packed = norm(x, p[0]).matMul(p[1].transpose()).add(p[2]);
            NDArray mixed = null;
            for (int head = 0; head < config.heads(); head++) {
                int shared = head / (config.heads() / config.keyValueHeads());
                NDArray query = rotate(columns(packed, head, size), angles);
                NDArray key = rotate(columns(packed, config.heads() + shared, size), angles);
                NDArray value = columns(packed, config.heads() + config.keyValueHeads() + shared, size);
                NDArray attended = query.matMul(key.transpose())
                    .div(scope.create(Math.sqrt(size)))
                    .add(causal)
                    .softmax(-1)
                    .matMul(value);
                mixed = mixed == null ? attended : mixed.concat(attended, 1);
            }
            x = x.add(Objects.requireNonNull(mixed).matMul(p[3].transpose()));
            NDArray gateUp = norm(x, p[4]).matMul(p[5].transpose());
            NDArray gate = columns(gateUp, 0, config.intermediateSize());
            NDArray up = columns(gateUp, 1, config.intermediateSize());
            NDArray silu = gate.div(gate.neg().exp().add(1));
            x = x.add(silu.mul(up).matMul(p[6].transpose()));
        }
        return norm(x, parameters[1 + 7 * config.layers()]);
    }

    private NDArray norm(NDArray x, NDArray weight) {
        return x.div(x.mul(x).mean(new int[]{-1}, true).add(config.rmsNormEpsilon()).sqrt()).mul(weight);
    }

    private static NDArray columns(NDArray x, int index, int width) {
        return x.get(":," + index * width + ":" + (index + 1) * width);
    }

    private static NDArray rotate(NDArray x, NDArray angles) {
        long half = x.getShape().get(1) / 2;
        NDArray first = x.get(":,:" + half);
        NDArray second = x.get(":," + half + ":");
        NDArray cosine = angles.cos();
        NDArray sine = angles.sin();
        return first.mul(cosine).sub(second.mul(sine)).concat(second.mul(cosine).add(first.mul(sine)), 1);
    }

    private NDArray angles(NDManager scope, int length) {
        int half = config.headDim() / 2;
        double[] angles = new double[length * half];
        for (int at = 0; at < angles.length; at++) {
            int position = at / half;
            int pair = at % half;
            angles[at] = position / Math.pow(config.rotary().theta(), 2.0 * pair / config.headDim());
        }
        return scope.create(angles, new Shape(length, half));
    }

    private static NDArray causal(NDManager scope, int length) {
        double[] mask = new double[length * length];
        for (int at = 0; at < mask.length; at++) {
            mask[at] = at % length > at / length ? -1e30 : 0;
        }
        return scope.create(mask, new Shape(length, length));
    }

    private static NDArray pick(NDManager scope, NDArray distributions, int[] tokens, int promptLength) {
        long[] targets = new long[tokens.length - promptLength];
        for (int index = 0; index < targets.length; index++) {
            targets[index] = tokens[promptLength + index];
        }
        return distributions.gather(scope.create(targets, new Shape(targets.length, 1)), 1).squeeze(1);
    }

    private static NDArray doubles(NDManager scope, float[] values) {
        double[] doubles = new double[values.length];
        for (int index = 0; index < values.length; index++) {
            doubles[index] = values[index];
        }
        return scope.create(doubles);
    }

    private static float[] floats(NDArray values) {
        double[] doubles = values.toDoubleArray();
        float[] floats = new float[doubles.length];
        for (int index = 0; index < floats.length; index++) {
            floats[index] = (float) doubles[index];
        }
        return floats;
    }

    @Override
    public void close() {
        manager.close();
    }
}
