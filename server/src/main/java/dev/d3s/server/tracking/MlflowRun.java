package dev.d3s.server.tracking;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.job.Job;
import dev.d3s.server.spec.Integration;
import dev.d3s.server.tracking.TrackerStore.Step;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.OutgoingClient;
import dev.d3s.spi.OutgoingRequests;

/**
 * A run of an MLflow server, over version 2.0 of its REST API. The run is found again by its tag {@code d3s.job}, and a metric
 * that is sent twice has the same time both times, which MLflow keeps once: telling it again changes nothing.
 *
 * @param requests refuses addresses inside the server's network
 */
record MlflowRun(Integration.Mlflow settings, OutgoingClient client, OutgoingRequests requests) implements RunTracker {
    static final Duration LIMIT = Duration.ofSeconds(20);

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String JOB_TAG = "d3s.job";
    private static final int METRICS_AT_ONCE = 1000;
    private static final int PARAMETERS_AT_ONCE = 100;
    /** Of a parameter's value, in every version of MLflow. */
    private static final int LONGEST_VALUE = 250;
    private static final int MAXIMUM_ANSWER = 4 << 20;
    private static final int SHOWN = 200;

    @Override
    public String add(Job job, @Nullable String remoteId, List<Step> steps) throws IOException, InterruptedException {
        String run = remoteId == null ? begin(job) : remoteId;
        ArrayNode metrics = JSON.createArrayNode();
        for (Step step : steps) {
            for (Map.Entry<String, Double> metric : step.metrics().entrySet()) {
                metrics.addObject()
                    .put("key", metric.getKey())
                    .put("value", metric.getValue())
                    .put("timestamp", step.at())
                    .put("step", step.step());
                if (metrics.size() == METRICS_AT_ONCE) {
                    logBatch(run, "metrics", metrics);
                    metrics = JSON.createArrayNode();
                }
            }
        }
        if (!metrics.isEmpty()) {
            logBatch(run, "metrics", metrics);
        }
        return run;
    }

    @Override
    public void status(Job job, String run) throws IOException, InterruptedException {
        ObjectNode update = JSON.createObjectNode().put("run_id", run).put("status", switch (job.status()) {
            case VALIDATING_FILES, QUEUED, PAUSED -> "SCHEDULED";
            case RUNNING -> "RUNNING";
            case SUCCEEDED -> "FINISHED";
            case FAILED -> "FAILED";
            case CANCELLED -> "KILLED";
        });
        Long finished = job.finishedAt();
        if (finished != null) {
            update.put("end_time", finished);
        }
        post("runs/update", update);
    }

    /** The job's run: the one that is there already, or a new one with the job's parameters. */
    private String begin(Job job) throws IOException, InterruptedException {
        String experiment = experiment();
        ObjectNode search = JSON.createObjectNode()
            .put("filter", "tags.`" + JOB_TAG + "` = '" + job.id() + "'")
            .put("max_results", 1);
        search.putArray("experiment_ids").add(experiment);
        String run = post("runs/search", search).path("runs").path(0).path("info").path("run_id").asText("");
        if (run.isEmpty()) {
            Long started = job.runStartedAt();
            ObjectNode create = JSON.createObjectNode()
                .put("experiment_id", experiment)
                .put("run_name", settings.runName() == null ? job.id() : settings.runName())
                .put("start_time", started == null ? job.createdAt() : started);
            ArrayNode tags = create.putArray("tags");
            settings.tags().forEach((key, value) -> tags.addObject().put("key", key).put("value", value));
            tags.addObject().put("key", JOB_TAG).put("value", job.id());
            tags.addObject().put("key", "d3s.organization").put("value", job.organization());
            run = post("runs/create", create).path("run").path("info").path("run_id").asText("");
            if (run.isEmpty()) {
                throw new IOException(settings.trackingUri() + " does not answer as an MLflow server does.");
            }
        }
        parameters(run, job);
        return run;
    }

    private String experiment() throws IOException, InterruptedException {
        Answer found = send("experiments/get-by-name?experiment_name="
                + URLEncoder.encode(settings.experiment(), StandardCharsets.UTF_8), null);
        if (found.status() == 404 && found.body().path("error_code").asText().equals("RESOURCE_DOES_NOT_EXIST")) {
            return post("experiments/create", JSON.createObjectNode().put("name", settings.experiment()))
                .path("experiment_id")
                .asText();
        }
        return checked("experiments/get-by-name", found).path("experiment").path("experiment_id").asText();
    }

    private void parameters(String run, Job job) throws IOException, InterruptedException {
        Map<String, String> values = new TreeMap<>();
        JsonNode request = job.spec().request();
        for (String member : List.of("model", "training_file", "validation_file", "seed", "suffix")) {
            if (request.hasNonNull(member)) {
                values.put(member, request.get(member).asText());
            }
        }
        flatten("", request.path("method"), values);
        ArrayNode parameters = JSON.createArrayNode();
        for (Map.Entry<String, String> value : values.entrySet()) {
            parameters.addObject()
                .put("key", value.getKey())
                .put("value", value.getValue().substring(0, Math.min(LONGEST_VALUE, value.getValue().length())));
            if (parameters.size() == PARAMETERS_AT_ONCE) {
                logBatch(run, "params", parameters);
                parameters = JSON.createArrayNode();
            }
        }
        if (!parameters.isEmpty()) {
            logBatch(run, "params", parameters);
        }
    }

    private static void flatten(String path, JsonNode node, Map<String, String> values) {
        if (node.isObject()) {
            node.properties()
                .forEach(member -> flatten(path.isEmpty() ? member.getKey() : path + "." + member.getKey(),
                        member.getValue(), values));
        } else if (!node.isMissingNode() && !node.isNull()) {
            values.put(path, node.isValueNode() ? node.asText() : node.toString());
        }
    }

    private void logBatch(String run, String member, ArrayNode entities) throws IOException, InterruptedException {
        ObjectNode batch = JSON.createObjectNode().put("run_id", run);
        batch.set(member, entities);
        post("runs/log-batch", batch);
    }

    // ---------------------------------------------------------------- HTTP

    private record Answer(int status, JsonNode body) {}

    private JsonNode post(String path, ObjectNode body) throws IOException, InterruptedException {
        return checked(path, send(path, body));
    }

    private JsonNode checked(String path, Answer answer) throws IOException {
        if (answer.status() < 200 || answer.status() >= 300) {
            String message = answer.body().path("message").asText("");
            throw new IOException(settings.trackingUri().getAuthority() + " answered " + path + " with "
                    + answer.status()
                    + (message.isEmpty() ? "." : ": " + message.substring(0, Math.min(SHOWN, message.length()))));
        }
        return answer.body();
    }

    private Answer send(String path, @Nullable ObjectNode body) throws IOException, InterruptedException {
        String base = settings.trackingUri().toString();
        URI uri = URI.create((base.endsWith("/") ? base.substring(0, base.length() - 1) : base) + "/api/2.0/mlflow/"
                + path);
        HttpRequest.Builder request;
        try {
            request = requests.to(uri);
        } catch (D3sException e) {
            throw new IOException(e.text(), e);
        }
        request.timeout(LIMIT).header("Accept", "application/json");
        if (body == null) {
            request.GET();
        } else {
            request.header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body.toString()));
        }
        HttpResponse<String> response;
        try {
            response = client.open()
                .send(request.build(),
                        BodyHandlers.limiting(BodyHandlers.ofString(StandardCharsets.UTF_8), MAXIMUM_ANSWER));
        } catch (IOException e) {
            throw new IOException(settings.trackingUri().getAuthority() + " could not be reached: "
                    + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()) + ".", e);
        }
        try {
            return new Answer(response.statusCode(), JSON.readTree(response.body()));
        } catch (JsonProcessingException e) {
            return new Answer(response.statusCode(), JSON.createObjectNode());
        }
    }
}
