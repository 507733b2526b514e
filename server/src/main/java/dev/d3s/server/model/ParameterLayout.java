package dev.d3s.server.model;

import java.util.ArrayList;
import java.util.List;

/**
 * The engines' parameter list of a model, in the order in which every engine, checkpoint and program counts them: embedding;
 * for each layer those {@link Part}s that it has; final norm; and the lm_head when it is not tied.
 */
public final class ParameterLayout {
    private ParameterLayout() {}

    /** A layer's parameters, in this order. */
    public enum Part {
        INPUT_NORM("input_layernorm.weight"), QUERY_KEY_VALUE("self_attn.qkv_proj.weight"), QUERY_KEY_VALUE_BIAS(
                "self_attn.qkv_proj.bias"), QUERY_NORM("self_attn.q_norm.weight"), KEY_NORM(
                        "self_attn.k_norm.weight"), ATTENTION_OUTPUT("self_attn.o_proj.weight"), MLP_NORM(
                                "post_attention_layernorm.weight"), GATE_UP("mlp.gate_up_proj.weight"), DOWN(
                                        "mlp.down_proj.weight");

        private final String suffix;

        Part(String suffix) {
            this.suffix = suffix;
        }

        /** Whether layers of this model have it. */
        public boolean in(ModelConfig config) {
            return switch (this) {
                case QUERY_KEY_VALUE_BIAS -> config.queryKeyValueBias();
                case QUERY_NORM, KEY_NORM -> config.queryKeyNorm();
                case INPUT_NORM, QUERY_KEY_VALUE, ATTENTION_OUTPUT, MLP_NORM, GATE_UP, DOWN -> true;
            };
        }

        private long[] shape(ModelConfig config) {
            long hidden = config.hiddenSize();
            return switch (this) {
                case INPUT_NORM, MLP_NORM -> new long[]{hidden};
                case QUERY_KEY_VALUE -> new long[]{config.packedProjectionSize(), hidden};
                case QUERY_KEY_VALUE_BIAS -> new long[]{config.packedProjectionSize()};
                case QUERY_NORM, KEY_NORM -> new long[]{config.headDim()};
                case ATTENTION_OUTPUT -> new long[]{hidden, (long) config.heads() * config.headDim()};
                case GATE_UP -> new long[]{2L * config.intermediateSize(), hidden};
                case DOWN -> new long[]{hidden, config.intermediateSize()};
            };
        }
    }

    public static List<Parameter> of(ModelConfig config) {
        List<Parameter> parameters = new ArrayList<>();
        parameters
            .add(new Parameter("model.embed_tokens.weight", new long[]{config.vocabularySize(), config.hiddenSize()}));
        List<Part> parts = parts(config);
        for (int layer = 0; layer < config.layers(); layer++) {
            for (Part part : parts) {
                parameters.add(new Parameter("model.layers." + layer + "." + part.suffix, part.shape(config)));
            }
        }
        parameters.add(new Parameter("model.norm.weight", new long[]{config.hiddenSize()}));
        if (!config.tiedEmbeddings()) {
            parameters
                .add(new Parameter("lm_head.weight", new long[]{config.vocabularySize(), config.hiddenSize()}));
        }
        return List.copyOf(parameters);
    }

    /** The parts of each layer. */
    public static List<Part> parts(ModelConfig config) {
        return List.of(Part.values()).stream().filter(part -> part.in(config)).toList();
    }

    /** Position of a layer's part in the list; one that the layer does not have is an error. */
    public static int index(ModelConfig config, int layer, Part part) {
        List<Part> parts = parts(config);
        int offset = parts.indexOf(part);
        if (offset < 0) {
            throw new IllegalArgumentException(config.architecture() + " layers have no " + part);
        }
        return 1 + layer * parts.size() + offset;
    }

    /** Position of the final norm. */
    public static int finalNorm(ModelConfig config) {
        return 1 + config.layers() * parts(config).size();
    }

    /** Position of the matrix that makes logits: the lm_head, or the embedding when they are tied. */
    public static int head(ModelConfig config) {
        return config.tiedEmbeddings() ? 0 : finalNorm(config) + 1;
    }

    /** All values together. */
    public static long parameterCount(ModelConfig config) {
        return of(config).stream().mapToLong(Parameter::size).sum();
    }
}
