package dev.d3s.server.rollout.onnx;

import java.util.ArrayList;
import java.util.List;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.ParameterLayout.Part;
import dev.d3s.server.rollout.onnx.OnnxGraph.ElementType;

/**
 * The decoder as one ONNX graph for prefill (S &gt; 1, no past), extension of one sequence (B = 1, S &gt; 1) and
 * decode (S = 1).
 *
 * <p>
 * Inputs: {@code input_ids [B, S]}; {@code seqlens_k [B]}, the last position of each row after this run; {@code
 * total_length}, the largest of them plus one; {@code gather_idx [R]}, the rows of the flattened {@code [B * S]} that the
 * head sees, repeats allowed, so that a whole group draws its first tokens from one prefilled prompt; {@code past.<layer>
 * .key|value [B, kvHeads, T, headDim]}, into which GroupQueryAttention writes when the same buffer is pinned as {@code
 * present}. The sampling head adds {@code uniform [R, 1]}, {@code target [R, 1]} (a token to score, or -1),
 * {@code inverse_temperature [R, 1]}, {@code greedy [R, 1]} and what {@link SamplingGraph.Inputs} says, and gives {@code
 * token [R]}, {@code logprob [R]} and {@code entropy [R]}.
 *
 * <p>
 * Weights keep the Hugging Face layout {@code [out, in]} and are external initializers; nothing that an optimizer could fold
 * (Transpose, Cast, Reshape) stands on one, so an engine that shares memory with the trainer sees every update.
 */
final class DecoderGraph {
    static final String COSINE = "rotary.cosine";
    static final String SINE = "rotary.sine";

    private final ModelConfig config;
    private final int positions;
    private final Head head;
    private final OnnxGraph graph = new OnnxGraph("decoder");
    private final List<Parameter> parameters;

    private DecoderGraph(ModelConfig config, int positions, Head head) {
        this.config = config;
        this.positions = positions;
        this.head = head;
        this.parameters = ParameterLayout.of(config);
    }

    /** @param positions T, rows of the rotary tables */
    static byte[] model(ModelConfig config, int positions, Head head) {
        return new DecoderGraph(config, positions, head).build();
    }

    /** The names under which a layer's cache enters and leaves: key, then value, for each layer. */
    static List<String> cacheNames(ModelConfig config) {
        List<String> names = new ArrayList<>();
        for (int layer = 0; layer < config.layers(); layer++) {
            names.add(layer + ".key");
            names.add(layer + ".value");
        }
        return names;
    }

    private byte[] build() {
        graph.input("input_ids", ElementType.INT64, "B", "S");
        graph.input("seqlens_k", ElementType.INT32, "B");
        graph.input("total_length", ElementType.INT32);
        graph.input("gather_idx", ElementType.INT64, "R");
        for (String cache : cacheNames(config)) {
            graph.input("past." + cache, ElementType.FLOAT, "B", config.keyValueHeads(), "T", config.headDim());
        }
        String hidden = decoder();
        switch (head) {
            case SAMPLING -> sampling(hidden);
            case LOGITS -> graph.output(logits(hidden), "logits", ElementType.FLOAT, "R", config.vocabularySize());
        }
        for (String cache : cacheNames(config)) {
            graph.output("present." + cache, ElementType.FLOAT, "B", config.keyValueHeads(), "T", config.headDim());
        }
        return graph.model();
    }

    /** Final hidden states {@code [R, hidden]}, normalised. */
    private String decoder() {
        String shape = graph.node("Concat", List.of(graph.node("Shape", List.of("input_ids")), graph.integers(-1)),
                OnnxGraph.with("axis", 0));
        String flat = graph.node("Reshape", List.of("input_ids", graph.integers(-1)));
        String residual = graph.node("Gather", List.of(weight(0), flat));
        String branch = "";
        for (int layer = 0; layer < config.layers(); layer++) {
            int inputNorm = ParameterLayout.index(config, layer, Part.INPUT_NORM);
            String normalised;
            if (layer == 0) {
                normalised = graph.node("SimplifiedLayerNormalization", List.of(residual, weight(inputNorm)),
                        OnnxGraph.with("axis", -1), OnnxGraph.with("epsilon", config.rmsNormEpsilon()),
                        OnnxGraph.with("stash_type", 1));
            } else {
                Normalised next = addAndNormalise(branch, residual, inputNorm);
                normalised = next.value;
                residual = next.residual;
            }
            String attention = attention(normalised, shape, layer);
            if (layer == config.layers() - 1) {
                // From here on positions no longer see each other: only the rows that the head wants go on.
                attention = graph.node("Gather", List.of(attention, "gather_idx"));
                residual = graph.node("Gather", List.of(residual, "gather_idx"));
            }
            String projected = graph.node("Gemm", List.of(attention, weight(layer, Part.ATTENTION_OUTPUT)),
                    OnnxGraph.with("transB", 1));
            Normalised after = addAndNormalise(projected, residual,
                    ParameterLayout.index(config, layer, Part.MLP_NORM));
            residual = after.residual;
            branch = feedForward(after.value, layer);
        }
        return addAndNormalise(branch, residual, ParameterLayout.finalNorm(config)).value;
    }

    private String attention(String normalised, String shape, int layer) {
        List<String> projection = new ArrayList<>(List.of(normalised, weight(layer, Part.QUERY_KEY_VALUE)));
        if (Part.QUERY_KEY_VALUE_BIAS.in(config)) {
            projection.add(weight(layer, Part.QUERY_KEY_VALUE_BIAS));
        }
        String packed = graph.node("Gemm", projection, OnnxGraph.with("transB", 1));
        String rows = graph.node("Reshape", List.of(packed, shape));
        List<String> inputs = new ArrayList<>(config.queryKeyNorm()
                ? normalisedHeads(rows, layer)
                : List.of(rows, "", ""));
        inputs.addAll(List.of("past." + layer + ".key", "past." + layer + ".value", "seqlens_k", "total_length",
                graph.external(COSINE, positions, config.headDim() / 2),
                graph.external(SINE, positions, config.headDim() / 2)));
        String output = "attention." + layer;
        graph.add(OnnxGraph.RUNTIME, "GroupQueryAttention", inputs,
                List.of(output, "present." + layer + ".key", "present." + layer + ".value"),
                OnnxGraph.with("num_heads", config.heads()), OnnxGraph.with("kv_num_heads", config.keyValueHeads()),
                OnnxGraph.with("do_rotary", 1), OnnxGraph.with("rotary_interleaved", 0));
        return graph.node("Reshape",
                List.of(output, graph.integers(-1, (long) config.heads() * config.headDim())));
    }

    /**
     * Query, key and value of the packed projection, with each query and key head normalised over its width. GroupQueryAttention has
     * inputs for such norms, but its CPU kernel refuses them (1.29). These nodes take 2 to 4 percent of a small model's decoding time
     * (hidden 256, 64 and 1 slots) and nothing measurable at hidden 1024.
     */
    private List<String> normalisedHeads(String packed, int layer) {
        long queries = (long) config.heads() * config.headDim();
        long keys = (long) config.keyValueHeads() * config.headDim();
        List<String> parts = graph.nodes("", "Split", 3, List.of(packed, graph.integers(queries, keys, keys)),
                OnnxGraph.with("axis", -1));
        return List.of(normalisedHeads(parts.get(0), config.heads(), weight(layer, Part.QUERY_NORM)),
                normalisedHeads(parts.get(1), config.keyValueHeads(), weight(layer, Part.KEY_NORM)), parts.get(2));
    }

    private String normalisedHeads(String rows, long heads, String gain) {
        String split = graph.node("Reshape", List.of(rows, graph.integers(0, 0, heads, config.headDim())));
        String normalised = graph.node("SimplifiedLayerNormalization", List.of(split, gain), OnnxGraph.with("axis", -1),
                OnnxGraph.with("epsilon", config.rmsNormEpsilon()), OnnxGraph.with("stash_type", 1));
        return graph.node("Reshape", List.of(normalised, graph.integers(0, 0, heads * config.headDim())));
    }

    /** SwiGLU (arXiv 2002.05202): {@code down(silu(gate(x)) * up(x))}. */
    private String feedForward(String value, int layer) {
        String packed = graph.node("Gemm", List.of(value, weight(layer, Part.GATE_UP)), OnnxGraph.with("transB", 1));
        List<String> halves = graph.nodes("", "Split", 2, List.of(packed), OnnxGraph.with("axis", -1),
                OnnxGraph.with("num_outputs", 2));
        String gate = halves.getFirst();
        String silu = graph.node("Mul", List.of(gate, graph.node("Sigmoid", List.of(gate))));
        String gated = graph.node("Mul", List.of(silu, halves.getLast()));
        return graph.node("Gemm", List.of(gated, weight(layer, Part.DOWN)), OnnxGraph.with("transB", 1));
    }

    private record Normalised(String value, String residual) {}

    private Normalised addAndNormalise(String branch, String residual, int norm) {
        String value = "normalised." + norm;
        String sum = "residual." + norm;
        graph.add(OnnxGraph.RUNTIME, "SkipSimplifiedLayerNormalization", List.of(branch, residual, weight(norm)),
                List.of(value, "", "", sum), OnnxGraph.with("epsilon", config.rmsNormEpsilon()));
        return new Normalised(value, sum);
    }

    private String logits(String hidden) {
        return graph.node("Gemm", List.of(hidden, weight(ParameterLayout.head(config))), OnnxGraph.with("transB", 1));
    }

    private String weight(int layer, Part part) {
        return weight(ParameterLayout.index(config, layer, part));
    }

    private String weight(int index) {
        Parameter parameter = parameters.get(index);
        return graph.external(parameter.name(), parameter.shape());
    }

    private void sampling(String hidden) {
        SamplingGraph.Inputs inputs = SamplingGraph.inputs(graph);
        // Temperature on the hidden states instead of the logits: the head has no bias, and V is far wider.
        String tempered = graph.node("Mul", List.of(hidden, inputs.inverseTemperature()));
        SamplingGraph.add(graph, logits(tempered), config.vocabularySize(), inputs);
    }
}
