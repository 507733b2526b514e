package dev.d3s.helm;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * Holds manifests to the definitions of the Kubernetes API: every member must be defined, of its type, and those that are
 * required there. It knows the words of JSON Schema that these definitions use, and refuses others.
 */
final class KubernetesSchema {
    /** Kinds of Kubernetes itself, and those of others that the chart makes. */
    private static final List<String> FILES = List.of("kubernetes/kubernetes-1.37.json", "kubernetes/others.json");
    private static final Set<String> WORDS = Set.of("type", "properties", "required", "additionalProperties", "items",
            "$ref", "oneOf", "const", "enum", "minItems", "pattern");

    private final List<JsonNode> files = new ArrayList<>();

    KubernetesSchema() {
        for (String file : FILES) {
            try (InputStream stream = KubernetesSchema.class.getClassLoader().getResourceAsStream(file)) {
                files.add(new ObjectMapper().readTree(Objects.requireNonNull(stream, file)));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** What is wrong with a manifest, each with its path; empty when nothing is. */
    List<String> mistakes(JsonNode manifest) {
        String kind = manifest.path("apiVersion").asText() + "/" + manifest.path("kind").asText();
        for (JsonNode file : files) {
            if (file.path("kinds").has(kind)) {
                List<String> mistakes = new ArrayList<>();
                check(file, reference(file, file.path("kinds").path(kind).asText()), manifest,
                        Manifests.title(manifest), mistakes);
                return mistakes;
            }
        }
        return List.of(Manifests.title(manifest) + ": there is no kind " + kind);
    }

    private static JsonNode reference(JsonNode file, String reference) {
        JsonNode schema = file.at(reference.substring(1));
        if (schema.isMissingNode()) {
            throw new IllegalStateException("There is no definition " + reference);
        }
        return schema;
    }

    private static void check(JsonNode file, JsonNode schema, JsonNode value, String path, List<String> mistakes) {
        schema.fieldNames().forEachRemaining(word -> {
            if (!WORDS.contains(word)) {
                throw new IllegalStateException("The definitions use '" + word + "', which is not checked.");
            }
        });
        if (schema.has("$ref")) {
            check(file, reference(file, schema.path("$ref").asText()), value, path, mistakes);
        }
        if (schema.has("type") && !hasType(schema.path("type").asText(), value)) {
            mistakes.add(path + " is " + value + " but must be of type " + schema.path("type").asText());
            return;
        }
        if (schema.has("const") && !schema.path("const").equals(value)) {
            mistakes.add(path + " is " + value + " but must be " + schema.path("const"));
        }
        if (schema.has("enum") && Manifests.elements(schema.path("enum")).noneMatch(value::equals)) {
            mistakes.add(path + " is " + value + " but must be one of " + schema.path("enum"));
        }
        if (schema.has("pattern") && !value.asText().matches(schema.path("pattern").asText())) {
            mistakes.add(path + " is " + value + " but must match " + schema.path("pattern").asText());
        }
        if (schema.has("oneOf")) {
            long right = Manifests.elements(schema.path("oneOf")).filter(one -> {
                List<String> found = new ArrayList<>();
                check(file, one, value, path, found);
                return found.isEmpty();
            }).count();
            if (right != 1) {
                mistakes.add(path + " is " + value + " but must be one of " + schema.path("oneOf"));
            }
        }
        if (value.isObject()) {
            object(file, schema, value, path, mistakes);
        }
        if (value.isArray()) {
            if (value.size() < schema.path("minItems").asInt()) {
                mistakes.add(path + " is empty");
            }
            for (int index = 0; index < value.size() && schema.has("items"); index++) {
                check(file, schema.path("items"), value.get(index), path + "[" + index + "]", mistakes);
            }
        }
    }

    private static void object(JsonNode file, JsonNode schema, JsonNode value, String path, List<String> mistakes) {
        for (JsonNode required : schema.path("required")) {
            if (!value.has(required.asText())) {
                mistakes.add(path + "." + required.asText() + " is missing");
            }
        }
        value.properties().forEach(member -> {
            String inner = path + "." + member.getKey();
            JsonNode property = schema.path("properties").path(member.getKey());
            JsonNode others = schema.path("additionalProperties");
            if (!property.isMissingNode()) {
                check(file, property, member.getValue(), inner, mistakes);
            } else if (others.isObject()) {
                check(file, others, member.getValue(), inner, mistakes);
            } else if (others.isBoolean() && !others.asBoolean()) {
                mistakes.add(inner + " is not defined");
            }
        });
    }

    private static boolean hasType(String type, JsonNode value) {
        return switch (type) {
            case "object" -> value.isObject();
            case "array" -> value.isArray();
            case "string" -> value.isTextual();
            case "boolean" -> value.isBoolean();
            case "integer" -> value.isIntegralNumber();
            case "number" -> value.isNumber();
            default -> throw new IllegalStateException("There is no type " + type);
        };
    }
}
