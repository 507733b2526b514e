package dev.d3s.server.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * The oracle of whole directories: Qwen2, Qwen3, Llama and Mistral written from their papers in plain Java and double precision, one
 * sequence at a time. It reads {@code config.json} and the safetensors by itself and names tensors as Hugging Face does; it shares
 * no code with the server, neither its reader nor its packing nor its rotary embedding.
 */
public final class PaperDecoder {
    private final JsonNode config;
    private final Map<String, double[]> tensors = new HashMap<>();
    private final int hidden;
    private final int heads;
    private final int keyValueHeads;
    private final int width;
    private final double epsilon;
    private final double[] frequencies;

    public PaperDecoder(Path directory) throws IOException {
        config = new ObjectMapper().readTree(directory.resolve("config.json").toFile());
        List<Path> files;
        try (Stream<Path> all = Files.list(directory)) {
            files = all.filter(file -> file.toString().endsWith(".safetensors")).toList();
        }
        for (Path file : files) {
            tensors.putAll(read(file));
        }
        hidden = config.get("hidden_size").asInt();
        heads = config.get("num_attention_heads").asInt();
        keyValueHeads = config.get("num_key_value_heads").asInt();
        width = config.path("head_dim").asInt(hidden / heads);
        epsilon = config.get("rms_norm_eps").asDouble();
        frequencies = frequencies();
    }

    /** The tensors of a safetensors file, widened. */
    public static Map<String, double[]> read(Path file) throws IOException {
        Map<String, double[]> tensors = new HashMap<>();
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        int length = Math.toIntExact(bytes.getLong());
        byte[] header = new byte[length];
        bytes.get(header);
        for (Map.Entry<String, JsonNode> entry : new ObjectMapper().readTree(header).properties()) {
            if (!entry.getKey().equals("__metadata__")) {
                JsonNode offsets = entry.getValue().get("data_offsets");
                int begin = offsets.get(0).asInt();
                ByteBuffer values = bytes.slice(8 + length + begin, offsets.get(1).asInt() - begin)
                    .order(ByteOrder.LITTLE_ENDIAN);
                tensors.put(entry.getKey(), values(values, entry.getValue().get("dtype").asText()));
            }
        }
        return tensors;
    }

    /** The tensors by Hugging Face's names; a change is seen by the next call. */
    public Map<String, double[]> tensors() {
        return tensors;
    }

    private static double[] values(ByteBuffer bytes, String type) {
        double[] values = new double[bytes.remaining() / (type.equals("F32") ? 4 : 2)];
        for (int at = 0; at < values.length; at++) {
            values[at] = switch (type) {
                case "F32" -> bytes.getFloat(4 * at);
                case "F16" -> Float.float16ToFloat(bytes.getShort(2 * at));
                case "BF16" -> Float.intBitsToFloat(bytes.getShort(2 * at) << 16);
                default -> throw new IllegalArgumentException(type);
            };
        }
        return values;
    }

    private double[] frequencies() {
        JsonNode rope = config.path("rope_parameters").isObject()
                ? config.get("rope_parameters")
                : config.path("rope_scaling");
        double base = rope.has("rope_theta")
                ? rope.get("rope_theta").asDouble()
                : config.path("rope_theta").asDouble(10_000);
        String type = rope.path("rope_type").asText(rope.path("type").asText("default"));
        double factor = rope.path("factor").asDouble(1);
        double[] result = new double[width / 2];
        for (int pair = 0; pair < result.length; pair++) {
            double frequency = 1 / Math.pow(base, (double) (2 * pair) / width);
            if (type.equals("linear")) {
                frequency /= factor;
            } else if (type.equals("llama3")) {
                double original = rope.get("original_max_position_embeddings").asDouble();
                double low = rope.get("low_freq_factor").asDouble();
                double high = rope.get("high_freq_factor").asDouble();
                double wavelength = 2 * Math.PI / frequency;
                if (wavelength > original / low) {
                    frequency /= factor;
                } else if (wavelength >= original / high) {
                    double smooth = (original / wavelength - low) / (high - low);
                    frequency = (1 - smooth) * frequency / factor + smooth * frequency;
                }
            } else if (!type.equals("default")) {
                throw new IllegalArgumentException(type);
            }
            result[pair] = frequency;
        }
        return result;
    }

    /** {@code [tokens - from][V]} logits of the token that follows each position from {@code from} on. */
    public double[][] logits(int[] tokens, int from) {
        double[][] x = new double[tokens.length][];
        double[] embedding = tensor("model.embed_tokens.weight");
        for (int t = 0; t < tokens.length; t++) {
            x[t] = Arrays.copyOfRange(embedding, tokens[t] * hidden, (tokens[t] + 1) * hidden);
        }
        for (int layer = 0; layer < config.get("num_hidden_layers").asInt(); layer++) {
            String name = "model.layers." + layer + ".";
            double[][] normed = normalised(x, tensor(name + "input_layernorm.weight"));
            add(x, linear(attention(normed, name + "self_attn."), name + "self_attn.o_proj"));
            normed = normalised(x, tensor(name + "post_attention_layernorm.weight"));
            double[][] gate = linear(normed, name + "mlp.gate_proj");
            double[][] up = linear(normed, name + "mlp.up_proj");
            for (int t = 0; t < x.length; t++) {
                for (int i = 0; i < up[t].length; i++) {
                    up[t][i] *= gate[t][i] / (1 + Math.exp(-gate[t][i]));
                }
            }
            add(x, linear(up, name + "mlp.down_proj"));
        }
        double[][] last = Arrays.copyOfRange(x, from, x.length);
        last = normalised(last, tensor("model.norm.weight"));
        return linear(last, config.path("tie_word_embeddings").asBoolean() ? "model.embed_tokens" : "lm_head");
    }

    /** {@code [tokens - from]} rows of log-probabilities. */
    public double[][] logprobs(int[] tokens, int from, double temperature) {
        double[][] rows = logits(tokens, from);
        for (double[] row : rows) {
            double largest = Double.NEGATIVE_INFINITY;
            for (int v = 0; v < row.length; v++) {
                row[v] /= temperature;
                largest = Math.max(largest, row[v]);
            }
            double sum = 0;
            for (double value : row) {
                sum += Math.exp(value - largest);
            }
            for (int v = 0; v < row.length; v++) {
                row[v] -= largest + Math.log(sum);
            }
        }
        return rows;
    }

    private double[][] attention(double[][] x, String name) {
        double[][] queries = linear(x, name + "q_proj");
        double[][] keys = linear(x, name + "k_proj");
        double[][] values = linear(x, name + "v_proj");
        for (int t = 0; t < x.length; t++) {
            prepare(queries[t], heads, tensors.get(name + "q_norm.weight"), t);
            prepare(keys[t], keyValueHeads, tensors.get(name + "k_norm.weight"), t);
        }
        double[][] mixed = new double[x.length][heads * width];
        for (int head = 0; head < heads; head++) {
            int query = head * width;
            int shared = head * keyValueHeads / heads * width;
            for (int t = 0; t < x.length; t++) {
                double[] weights = new double[t + 1];
                double sum = 0;
                for (int s = 0; s <= t; s++) {
                    double product = 0;
                    for (int d = 0; d < width; d++) {
                        product += queries[t][query + d] * keys[s][shared + d];
                    }
                    weights[s] = Math.exp(product / Math.sqrt(width));
                    sum += weights[s];
                }
                for (int s = 0; s <= t; s++) {
                    for (int d = 0; d < width; d++) {
                        mixed[t][query + d] += weights[s] / sum * values[s][shared + d];
                    }
                }
            }
        }
        return mixed;
    }

    /** Normalises each head where the model does so, then turns its pairs (i, i + D/2), as Hugging Face orders them. */
    private void prepare(double[] row, int count, double @Nullable [] gain, int position) {
        for (int head = 0; head < count; head++) {
            int from = head * width;
            if (gain != null) {
                double[] one = Arrays.copyOfRange(row, from, from + width);
                System.arraycopy(normalised(new double[][]{one}, gain)[0], 0, row, from, width);
            }
            for (int pair = 0; pair < width / 2; pair++) {
                double cosine = Math.cos(position * frequencies[pair]);
                double sine = Math.sin(position * frequencies[pair]);
                double a = row[from + pair];
                double b = row[from + pair + width / 2];
                row[from + pair] = a * cosine - b * sine;
                row[from + pair + width / 2] = b * cosine + a * sine;
            }
        }
    }

    private double[][] normalised(double[][] x, double[] gain) {
        double[][] result = new double[x.length][gain.length];
        for (int t = 0; t < x.length; t++) {
            double squares = 0;
            for (double value : x[t]) {
                squares += value * value;
            }
            for (int i = 0; i < gain.length; i++) {
                result[t][i] = x[t][i] / Math.sqrt(squares / gain.length + epsilon) * gain[i];
            }
        }
        return result;
    }

    private double[][] linear(double[][] x, String name) {
        double[] matrix = tensor(name + ".weight");
        double @Nullable [] bias = tensors.get(name + ".bias");
        int in = x[0].length;
        double[][] result = new double[x.length][matrix.length / in];
        for (int t = 0; t < x.length; t++) {
            for (int o = 0; o < result[t].length; o++) {
                double sum = bias == null ? 0 : bias[o];
                for (int i = 0; i < in; i++) {
                    sum += matrix[o * in + i] * x[t][i];
                }
                result[t][o] = sum;
            }
        }
        return result;
    }

    private static void add(double[][] x, double[][] branch) {
        for (int t = 0; t < x.length; t++) {
            for (int i = 0; i < x[t].length; i++) {
                x[t][i] += branch[t][i];
            }
        }
    }

    private double[] tensor(String name) {
        double[] values = tensors.get(name);
        if (values == null) {
            throw new IllegalArgumentException(name + " is not one of " + tensors.keySet());
        }
        return values;
    }
}
