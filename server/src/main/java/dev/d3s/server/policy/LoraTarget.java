package dev.d3s.server.policy;

import java.util.Locale;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ParameterLayout.Part;

/** The linear maps of a layer that can have an adapter, under the names that Hugging Face gives them. */
public enum LoraTarget {
    Q_PROJ(Part.QUERY_KEY_VALUE), K_PROJ(Part.QUERY_KEY_VALUE), V_PROJ(Part.QUERY_KEY_VALUE), O_PROJ(
            Part.ATTENTION_OUTPUT), GATE_PROJ(Part.GATE_UP), UP_PROJ(Part.GATE_UP), DOWN_PROJ(Part.DOWN);

    private final Part part;

    LoraTarget(Part part) {
        this.part = part;
    }

    /** The engines' parameter of which it is a range of rows. */
    public Part part() {
        return part;
    }

    /** The name in configurations, e.g. {@code q_proj}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The module's name within a layer, e.g. {@code self_attn.q_proj}. */
    public String module() {
        return switch (part) {
            case QUERY_KEY_VALUE, ATTENTION_OUTPUT -> "self_attn." + word();
            case GATE_UP, DOWN -> "mlp." + word();
            case INPUT_NORM, QUERY_KEY_VALUE_BIAS, QUERY_NORM, KEY_NORM, MLP_NORM -> throw new AssertionError(part);
        };
    }

    /** The first of its rows in {@link #part}. */
    public int firstRow(ModelConfig config) {
        int queries = config.heads() * config.headDim();
        return switch (this) {
            case Q_PROJ, O_PROJ, GATE_PROJ, DOWN_PROJ -> 0;
            case K_PROJ -> queries;
            case V_PROJ -> queries + config.keyValueHeads() * config.headDim();
            case UP_PROJ -> config.intermediateSize();
        };
    }

    /** Width of its result. */
    public int rows(ModelConfig config) {
        return switch (this) {
            case Q_PROJ -> config.heads() * config.headDim();
            case K_PROJ, V_PROJ -> config.keyValueHeads() * config.headDim();
            case GATE_PROJ, UP_PROJ -> config.intermediateSize();
            case O_PROJ, DOWN_PROJ -> config.hiddenSize();
        };
    }

    /** Width of its argument. */
    public int columns(ModelConfig config) {
        return switch (this) {
            case O_PROJ -> config.heads() * config.headDim();
            case DOWN_PROJ -> config.intermediateSize();
            case Q_PROJ, K_PROJ, V_PROJ, GATE_PROJ, UP_PROJ -> config.hiddenSize();
        };
    }
}
