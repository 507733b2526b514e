package dev.d3s.server.model;

import java.util.List;
import java.util.Map;
import java.util.Set;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.model.RotaryEmbedding.Scaling;

/**
 * The members of {@code config.json} that say how positions enter attention, in both notations: {@code rope_theta} with {@code rope_scaling},
 * or everything in {@code rope_parameters}, as transformers writes it from version 5 on.
 */
final class RotaryMembers {
    static final String SCALING = "rope_scaling";
    static final String PARAMETERS = "rope_parameters";
    static final String THETA = "rope_theta";
    private static final String TYPE = "rope_type";
    private static final String OLD_TYPE = "type";
    private static final String FACTOR = "factor";
    private static final String LOW = "low_freq_factor";
    private static final String HIGH = "high_freq_factor";
    private static final String ORIGINAL = "original_max_position_embeddings";
    private static final String PARTIAL = "partial_rotary_factor";
    /** Members that scale nothing. */
    private static final Set<String> UNSCALED = Set.of(THETA, PARTIAL);
    private static final double DEFAULT_THETA = 10_000;

    private RotaryMembers() {}

    /** Mistakes go to the members' list of problems, and then the result means nothing. */
    static RotaryEmbedding read(ConfigMembers members) {
        JsonNode parameters = members.config().path(PARAMETERS);
        JsonNode scaling = members.config().path(SCALING);
        double theta = members.positive(THETA, DEFAULT_THETA);
        if (parameters.hasNonNull(THETA)) {
            double inside = members.positive(parameters, PARAMETERS + ".", THETA, DEFAULT_THETA);
            if (members.config().hasNonNull(THETA) && inside != theta) {
                members.problem(PARAMETERS + "." + THETA,
                        "is " + inside + ", but " + THETA + " is " + theta + ": remove the one that is wrong");
            }
            theta = inside;
        }
        for (JsonNode node : List.of(members.config(), parameters)) {
            if (node.hasNonNull(PARTIAL) && node.get(PARTIAL).asDouble() != 1) {
                members.problem(PARTIAL, "is " + node.get(PARTIAL)
                        + "; only rotary embeddings of whole heads are supported");
            }
        }
        Scaling first = scaling(members, parameters, PARAMETERS);
        Scaling second = scaling(members, scaling, SCALING);
        if (present(parameters) && present(scaling) && !first.equals(second)) {
            members.problem(SCALING, "and " + PARAMETERS + " ask for different rotary embeddings: remove one of them");
        }
        return new RotaryEmbedding(theta, present(parameters) ? first : second);
    }

    private static boolean present(JsonNode node) {
        return !node.isMissingNode() && !node.isNull();
    }

    private static Scaling scaling(ConfigMembers members, JsonNode node, String name) {
        if (!present(node)) {
            return new Scaling.None();
        }
        if (!node.isObject()) {
            members.problem(name, "is " + node + "; it must be an object");
            return new Scaling.None();
        }
        JsonNode type = node.hasNonNull(TYPE) ? node.get(TYPE) : node.path(OLD_TYPE);
        for (JsonNode member : node) {
            if (member.isObject()) {
                members.problem(name, "is " + node
                        + "; rotary embeddings that differ between kinds of layers are not supported");
                return new Scaling.None();
            }
        }
        if (type.isMissingNode() && UNSCALED.containsAll(node.properties().stream().map(Map.Entry::getKey).toList())) {
            return new Scaling.None();
        }
        String prefix = name + ".";
        return switch (type.asText("")) {
            case "default" -> new Scaling.None();
            case "linear" -> new Scaling.Linear(members.required(node, prefix, FACTOR));
            case "llama3" -> llama3(members, node, prefix);
            default -> unsupported(members, name, type);
        };
    }

    private static Scaling unsupported(ConfigMembers members, String name, JsonNode type) {
        members.problem(name + "." + TYPE, (type.isMissingNode() ? "is missing" : "is " + type)
                + "; supported are \"default\", \"linear\" and \"llama3\": remove " + name
                + " to train at the original context length, if the model has one");
        return new Scaling.None();
    }

    private static Scaling llama3(ConfigMembers members, JsonNode node, String prefix) {
        double factor = members.required(node, prefix, FACTOR);
        double low = members.required(node, prefix, LOW);
        double high = members.required(node, prefix, HIGH);
        double original = members.required(node, prefix, ORIGINAL);
        if (low >= high) {
            members.problem(prefix + LOW, "is " + low + "; it must be below " + HIGH + ", which is " + high);
        }
        if (original != (int) original) {
            members.problem(prefix + ORIGINAL, "is " + original + "; it must be a whole number");
        }
        return new Scaling.Llama3(factor, low, high, (int) original);
    }

    /** Writes the older notation, which every version of transformers reads. */
    static void write(ObjectNode tree, RotaryEmbedding rotary) {
        tree.remove(PARAMETERS);
        tree.put(THETA, rotary.theta());
        switch (rotary.scaling()) {
            case Scaling.None none -> tree.putNull(SCALING);
            case Scaling.Linear linear ->
                tree.putObject(SCALING).put(TYPE, "linear").put(FACTOR, linear.factor());
            case Scaling.Llama3 llama3 -> tree.putObject(SCALING)
                .put(TYPE, "llama3")
                .put(FACTOR, llama3.factor())
                .put(LOW, llama3.lowFrequencyFactor())
                .put(HIGH, llama3.highFrequencyFactor())
                .put(ORIGINAL, llama3.originalContextLength());
        }
    }
}
