package dev.d3s.server.spec;

import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.request.Section;

/** A tracker that a job's metrics go to, as its {@code integrations} name it. */
public sealed interface Integration {
    /** Event files in the job's directory. */
    record TensorBoard() implements Integration {}

    /**
     * A run of an MLflow server.
     *
     * @param trackingUri its address
     * @param experiment by name; made when there is none
     * @param runName {@code null} for the job's id
     * @param tags of the run
     */
    record Mlflow(URI trackingUri, String experiment, @Nullable String runName,
            Map<String, String> tags) implements Integration {
        public Mlflow {
            tags = Map.copyOf(tags);
        }
    }

    /** Of one job. */
    int MAXIMUM = 8;

    /**
     * Reads the member {@code integrations} of a request, with every mistake.
     *
     * @param urlProblem what is wrong with a URL, in words that follow its name; {@code null} for nothing
     */
    static void read(Section request, Function<String, @Nullable String> urlProblem) {
        JsonNode given = request.given("integrations");
        if (given == null) {
            return;
        }
        if (!given.isArray() || given.size() > MAXIMUM) {
            request.mistake("integrations", "invalid_type",
                    "'integrations' must be a list of at most " + MAXIMUM + " objects, each with a 'type'.");
            return;
        }
        ArrayNode expanded = request.expanded().putArray("integrations");
        for (int index = 0; index < given.size(); index++) {
            read(request, "integrations[" + index + "]", given.get(index), expanded, urlProblem);
        }
    }

    private static void read(Section request, String path, JsonNode each, ArrayNode expanded,
            Function<String, @Nullable String> urlProblem) {
        String type = each.path("type").asText("");
        switch (type) {
            case "tensorboard" -> {
                unknown(request, path, each, List.of("type", "tensorboard"));
                unknown(request, path + ".tensorboard", each.path("tensorboard"), List.of());
                expanded.addObject().put("type", type);
            }
            case "mlflow" -> {
                unknown(request, path, each, List.of("type", "mlflow"));
                mlflow(request, path + ".mlflow", each.path("mlflow"), expanded.addObject().put("type", type),
                        urlProblem);
            }
            default -> request.mistake(path + ".type", "invalid_value",
                    "'" + path + ".type' is " + Section.shown(each.path("type")) + " but must be tensorboard or mlflow"
                            + (type.equals("wandb") ? ": this server does not report to Weights & Biases." : "."));
        }
    }

    private static void mlflow(Section request, String path, JsonNode given, ObjectNode expanded,
            Function<String, @Nullable String> urlProblem) {
        unknown(request, path, given, List.of("tracking_uri", "experiment", "run_name", "tags"));
        ObjectNode members = expanded.putObject("mlflow");
        String uri = given.path("tracking_uri").asText("");
        if (uri.isEmpty()) {
            request.mistake(path + ".tracking_uri", "missing_required_parameter",
                    "'" + path + ".tracking_uri' is required: the address of an MLflow server.");
        } else {
            String problem = urlProblem.apply(uri);
            if (problem != null) {
                request.mistake(path + ".tracking_uri", "invalid_value",
                        "'" + path + ".tracking_uri' " + problem);
            }
        }
        members.put("tracking_uri", uri);
        members.put("experiment", text(request, path, given, "experiment", "Default"));
        String runName = text(request, path, given, "run_name", null);
        if (runName != null) {
            members.put("run_name", runName);
        }
        JsonNode tags = given.path("tags");
        ObjectNode copied = members.putObject("tags");
        boolean right = (tags.isMissingNode() || tags.isNull() || tags.isObject()) && tags.size() <= 16;
        for (Map.Entry<String, JsonNode> tag : tags.properties()) {
            right &= tag.getValue().isTextual() && tag.getKey().length() <= 64
                    && tag.getValue().textValue().length() <= 512;
            copied.put(tag.getKey(), tag.getValue().asText());
        }
        if (!right) {
            request.mistake(path + ".tags", "invalid_value", "'" + path
                    + ".tags' must be an object of at most 16 strings, keys up to 64 and values up to 512 characters.");
        }
    }

    private static @Nullable String text(Section request, String path, JsonNode given, String name,
            @Nullable String otherwise) {
        JsonNode value = given.path(name);
        if (value.isMissingNode() || value.isNull()) {
            return otherwise;
        }
        if (!value.isTextual() || value.textValue().isBlank() || value.textValue().length() > 250) {
            request.mistake(path + "." + name, "invalid_value",
                    "'" + path + "." + name + "' must be a text of at most 250 characters.");
            return otherwise;
        }
        return value.textValue();
    }

    private static void unknown(Section request, String path, JsonNode given, List<String> known) {
        if (!given.isMissingNode() && !given.isNull() && !given.isObject()) {
            request.mistake(path, "invalid_type", "'" + path + "' must be an object.");
        }
        given.fieldNames().forEachRemaining(name -> {
            if (!known.contains(name)) {
                request.mistake(path + "." + name, "unknown_parameter", "Unknown member '" + name + "' in '" + path
                        + "'; known members: " + (known.isEmpty() ? "none" : String.join(", ", known)) + ".");
            }
        });
    }

    /** Those of a job that was read before, in their order. */
    static List<Integration> of(JobSpec spec) {
        List<Integration> integrations = new ArrayList<>();
        for (JsonNode each : spec.request().path("integrations")) {
            JsonNode mlflow = each.path("mlflow");
            if (each.path("type").asText("").equals("mlflow")) {
                Map<String, String> tags = new LinkedHashMap<>();
                mlflow.path("tags").properties().forEach(tag -> tags.put(tag.getKey(), tag.getValue().asText()));
                integrations.add(new Mlflow(URI.create(mlflow.path("tracking_uri").asText()),
                        mlflow.path("experiment").asText("Default"),
                        mlflow.path("run_name").isTextual() ? mlflow.path("run_name").textValue() : null, tags));
            } else {
                integrations.add(new TensorBoard());
            }
        }
        return integrations;
    }
}
