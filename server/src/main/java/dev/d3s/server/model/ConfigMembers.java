package dev.d3s.server.model;

import java.nio.file.Path;
import java.util.List;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

/** Members of one JSON file, with the mistakes found in them so far. */
record ConfigMembers(Path file, JsonNode config, List<String> problems) {
    /** A dimension beyond this is a typing error, and products of two stay far from overflow. */
    static final int MAX_DIMENSION = 1 << 24;

    void problem(String member, String what) {
        problems.add(file + ": " + member + " " + what + ".");
    }

    boolean has(String member) {
        return config.hasNonNull(member);
    }

    /** A positive whole number; 0 after a problem. An absent one is {@code otherwise}, which is {@code null} when it must be there. */
    int dimension(String member, @Nullable Integer otherwise) {
        JsonNode node = config.path(member);
        if (node.isMissingNode() || node.isNull()) {
            if (otherwise == null) {
                problem(member, "is missing");
                return 0;
            }
            return otherwise;
        }
        if (!node.isInt() || node.asInt() < 1 || node.asInt() > MAX_DIMENSION) {
            problem(member, "is " + node + "; it must be a whole number from 1 to " + MAX_DIMENSION);
            return 0;
        }
        return node.asInt();
    }

    /** True or false; an absent one is false. */
    boolean flag(String member) {
        JsonNode node = config.path(member);
        if (!node.isMissingNode() && !node.isNull() && !node.isBoolean()) {
            problem(member, "is " + node + "; it must be true or false");
        }
        return node.asBoolean(false);
    }

    double positive(String member, double otherwise) {
        return positive(config, "", member, otherwise);
    }

    /** @param prefix where {@code parent} stands in the file, for messages */
    double positive(JsonNode parent, String prefix, String member, double otherwise) {
        JsonNode node = parent.path(member);
        if (node.isMissingNode() || node.isNull()) {
            return otherwise;
        }
        if (!node.isNumber() || !Double.isFinite(node.asDouble()) || !(node.asDouble() > 0)) {
            problem(prefix + member, "is " + node + "; it must be a positive number");
            return otherwise;
        }
        return node.asDouble();
    }

    double required(JsonNode parent, String prefix, String member) {
        if (!parent.hasNonNull(member)) {
            problem(prefix + member, "is missing");
        }
        return positive(parent, prefix, member, 1);
    }
}
