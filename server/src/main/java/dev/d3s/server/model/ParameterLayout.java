package dev.d3s.server.model;

import java.util.ArrayList;
import java.util.List;

/**
 * The engines' parameter list of a model, in the order in which every engine, checkpoint and program counts them:
 * embedding; per layer {@link #PER_LAYER} tensors (input norm, qkv weight, qkv bias, o weight, post-attention norm, packed
 * gate/up weight, down weight); final norm; and the lm_head when it is not tied.
 */
public final class ParameterLayout {
    /** Tensors per decoder layer. */
    public static final int PER_LAYER = 7;

    private ParameterLayout() {}

    public static List<Parameter> of(ModelConfig config) {
        int hidden = config.hiddenSize();
        int attention = config.heads() * config.headDim();
        int packed = config.packedProjectionSize();
        List<Parameter> parameters = new ArrayList<>();
        parameters.add(new Parameter("model.embed_tokens.weight", new long[]{config.vocabularySize(), hidden}));
        for (int layer = 0; layer < config.layers(); layer++) {
            String prefix = "model.layers." + layer + ".";
            parameters.add(new Parameter(prefix + "input_layernorm.weight", new long[]{hidden}));
            parameters.add(new Parameter(prefix + "self_attn.qkv_proj.weight", new long[]{packed, hidden}));
            parameters.add(new Parameter(prefix + "self_attn.qkv_proj.bias", new long[]{packed}));
            parameters.add(new Parameter(prefix + "self_attn.o_proj.weight", new long[]{hidden, attention}));
            parameters.add(new Parameter(prefix + "post_attention_layernorm.weight", new long[]{hidden}));
            parameters.add(new Parameter(prefix + "mlp.gate_up_proj.weight",
                    new long[]{2L * config.intermediateSize(), hidden}));
            parameters.add(new Parameter(prefix + "mlp.down_proj.weight",
                    new long[]{hidden, config.intermediateSize()}));
        }
        parameters.add(new Parameter("model.norm.weight", new long[]{hidden}));
        if (!config.tiedEmbeddings()) {
            parameters.add(new Parameter("lm_head.weight", new long[]{config.vocabularySize(), hidden}));
        }
        return List.copyOf(parameters);
    }

    /** All values together. */
    public static long parameterCount(ModelConfig config) {
        return of(config).stream().mapToLong(Parameter::size).sum();
    }
}
