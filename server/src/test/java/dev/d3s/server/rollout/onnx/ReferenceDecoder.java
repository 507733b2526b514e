package dev.d3s.server.rollout.onnx;

import java.nio.ByteOrder;
import java.nio.FloatBuffer;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.Weights;

/** The same decoder in plain Java and double precision, one whole sequence at a time: the oracle of the tests. */
final class ReferenceDecoder {
    private final ModelConfig config;
    private final double[][] parameters;

    ReferenceDecoder(ModelConfig config, Weights weights) {
        this.config = config;
        parameters = new double[weights.parameters().size()][];
        for (int i = 0; i < parameters.length; i++) {
            FloatBuffer values = weights.values(i).order(ByteOrder.nativeOrder()).asFloatBuffer();
            parameters[i] = new double[values.remaining()];
            for (int j = 0; j < parameters[i].length; j++) {
                parameters[i][j] = values.get(j);
            }
        }
    }

    /** {@code [T][V]} log-probabilities of the token that follows each position. */
    double[][] logprobs(int[] tokens, double temperature) {
        int hidden = config.hiddenSize();
        int width = config.headDim();
        double[][] stream = new double[tokens.length][hidden];
        for (int t = 0; t < tokens.length; t++) {
            System.arraycopy(parameters[0], tokens[t] * hidden, stream[t], 0, hidden);
        }
        for (int layer = 0; layer < config.layers(); layer++) {
            int first = 1 + layer * ParameterLayout.parts(config).size();
            int queries = config.heads() * width;
            int keys = config.keyValueHeads() * width;
            double[][] packed = linear(normalised(stream, parameters[first]), parameters[first + 1],
                    parameters[first + 2]);
            for (int t = 0; t < tokens.length; t++) {
                for (int head = 0; head < config.heads() + config.keyValueHeads(); head++) {
                    rotate(packed[t], head * width, t);
                }
            }
            double[][] attention = new double[tokens.length][queries];
            for (int head = 0; head < config.heads(); head++) {
                int query = head * width;
                int key = queries + head / (config.heads() / config.keyValueHeads()) * width;
                for (int t = 0; t < tokens.length; t++) {
                    double[] scores = new double[t + 1];
                    for (int s = 0; s <= t; s++) {
                        for (int d = 0; d < width; d++) {
                            scores[s] += packed[t][query + d] * packed[s][key + d] / Math.sqrt(width);
                        }
                    }
                    double[] logged = logSoftmax(scores);
                    for (int s = 0; s <= t; s++) {
                        for (int d = 0; d < width; d++) {
                            attention[t][query + d] += Math.exp(logged[s]) * packed[s][key + keys + d];
                        }
                    }
                }
            }
            add(stream, linear(attention, parameters[first + 3], null));
            double[][] both = linear(normalised(stream, parameters[first + 4]), parameters[first + 5], null);
            double[][] gated = new double[tokens.length][config.intermediateSize()];
            for (int t = 0; t < tokens.length; t++) {
                for (int i = 0; i < gated[t].length; i++) {
                    double gate = both[t][i];
                    gated[t][i] = gate / (1 + Math.exp(-gate)) * both[t][config.intermediateSize() + i];
                }
            }
            add(stream, linear(gated, parameters[first + 6], null));
        }
        int norm = ParameterLayout.finalNorm(config);
        double[][] logits = linear(normalised(stream, parameters[norm]),
                parameters[config.tiedEmbeddings() ? 0 : norm + 1], null);
        for (int t = 0; t < logits.length; t++) {
            for (int v = 0; v < logits[t].length; v++) {
                logits[t][v] /= temperature;
            }
            logits[t] = logSoftmax(logits[t]);
        }
        return logits;
    }

    static double entropy(double[] logprobs) {
        double entropy = 0;
        for (double logprob : logprobs) {
            entropy -= Math.exp(logprob) * logprob;
        }
        return entropy;
    }

    private void rotate(double[] values, int from, int position) {
        int half = config.headDim() / 2;
        for (int i = 0; i < half; i++) {
            double angle = position * Math.pow(config.rotary().theta(), -2.0 * i / config.headDim());
            double x = values[from + i];
            double y = values[from + half + i];
            values[from + i] = x * Math.cos(angle) - y * Math.sin(angle);
            values[from + half + i] = y * Math.cos(angle) + x * Math.sin(angle);
        }
    }

    private double[][] normalised(double[][] rows, double[] gain) {
        double[][] result = new double[rows.length][gain.length];
        for (int t = 0; t < rows.length; t++) {
            double squares = 0;
            for (double value : rows[t]) {
                squares += value * value;
            }
            double factor = 1 / Math.sqrt(squares / gain.length + config.rmsNormEpsilon());
            for (int i = 0; i < gain.length; i++) {
                result[t][i] = rows[t][i] * factor * gain[i];
            }
        }
        return result;
    }

    private static double[][] linear(double[][] rows, double[] matrix,
            double @org.jspecify.annotations.Nullable [] bias) {
        int in = rows[0].length;
        int out = matrix.length / in;
        double[][] result = new double[rows.length][out];
        for (int t = 0; t < rows.length; t++) {
            for (int o = 0; o < out; o++) {
                double sum = bias == null ? 0 : bias[o];
                for (int i = 0; i < in; i++) {
                    sum += rows[t][i] * matrix[o * in + i];
                }
                result[t][o] = sum;
            }
        }
        return result;
    }

    private static double[] logSoftmax(double[] values) {
        double maximum = Double.NEGATIVE_INFINITY;
        for (double value : values) {
            maximum = Math.max(maximum, value);
        }
        double sum = 0;
        for (double value : values) {
            sum += Math.exp(value - maximum);
        }
        double[] result = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = values[i] - maximum - Math.log(sum);
        }
        return result;
    }

    private static void add(double[][] sum, double[][] other) {
        for (int t = 0; t < sum.length; t++) {
            for (int i = 0; i < sum[t].length; i++) {
                sum[t][i] += other[t][i];
            }
        }
    }
}
