package dev.d3s.server.tracking;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.Listener;
import dev.d3s.server.Listener.Answer;
import dev.d3s.server.job.TestServer;

/** What MLflow's REST API 2.0 does with experiments and runs, as far as its documentation says it. */
final class StubMlflow implements AutoCloseable {
    /** A metric as MLflow keeps it: the same twice is once. */
    record Logged(String key, double value, long timestamp, int step) {}

    static final class Run {
        final String id;
        final JsonNode created;
        final List<Logged> metrics = new ArrayList<>();
        final Map<String, String> params = new LinkedHashMap<>();
        volatile String status = "RUNNING";

        Run(String id, JsonNode created) {
            this.id = id;
            this.created = created;
        }
    }

    final Map<String, String> experiments = new LinkedHashMap<>(Map.of("Default", "0"));
    final Map<String, Run> runs = new LinkedHashMap<>();
    /** Metrics that came again. */
    int repeated;
    volatile boolean down;
    private final Listener listener = new Listener(this::answer);

    URI address() {
        return listener.address();
    }

    synchronized Run only() {
        if (runs.size() != 1) {
            throw new AssertionError(runs.size() + " runs");
        }
        return runs.values().iterator().next();
    }

    private synchronized Answer answer(Listener.Heard heard) {
        if (down) {
            return Answer.of(503);
        }
        String path = heard.path().substring("/api/2.0/mlflow/".length());
        ObjectNode body = heard.body().isEmpty() ? TestServer.JSON.createObjectNode() : TestServer.json(heard.body());
        ObjectNode answer = TestServer.JSON.createObjectNode();
        if (path.startsWith("experiments/get-by-name?experiment_name=")) {
            String name = URLDecoder.decode(path.substring(path.indexOf('=') + 1), StandardCharsets.UTF_8);
            if (!experiments.containsKey(name)) {
                return new Answer(404, "{\"error_code\": \"RESOURCE_DOES_NOT_EXIST\", \"message\": \"no\"}", Map.of());
            }
            answer.putObject("experiment").put("experiment_id", experiments.get(name));
            return Answer.json(answer.toString());
        }
        return switch (path) {
            case "experiments/create" -> {
                String id = Integer.toString(experiments.size());
                experiments.put(body.path("name").asText(), id);
                yield Answer.json(answer.put("experiment_id", id).toString());
            }
            case "runs/search" -> {
                String job = body.path("filter").asText().replaceAll(".*= '(.*)'", "$1");
                for (Run run : runs.values()) {
                    if (run.created.path("tags").toString().contains(job)) {
                        answer.putArray("runs").addObject().putObject("info").put("run_id", run.id);
                    }
                }
                yield Answer.json(answer.toString());
            }
            case "runs/create" -> {
                String id = "run-" + runs.size();
                runs.put(id, new Run(id, body));
                answer.putObject("run").putObject("info").put("run_id", id);
                yield Answer.json(answer.toString());
            }
            case "runs/log-batch" -> {
                Run run = Objects.requireNonNull(runs.get(body.path("run_id").asText()));
                if (body.path("metrics").size() > 1000 || body.path("params").size() > 100) {
                    yield new Answer(400, "{\"message\": \"too many\"}", Map.of());
                }
                for (JsonNode metric : body.path("metrics")) {
                    Logged logged = new Logged(metric.path("key").asText(), metric.path("value").asDouble(),
                            metric.path("timestamp").asLong(), metric.path("step").asInt());
                    if (run.metrics.contains(logged)) {
                        repeated++;
                    } else {
                        run.metrics.add(logged);
                    }
                }
                body.path("params")
                    .forEach(param -> run.params.put(param.path("key").asText(), param.path("value").asText()));
                yield Answer.json("{}");
            }
            case "runs/update" -> {
                Objects.requireNonNull(runs.get(body.path("run_id").asText())).status = body.path("status").asText();
                yield Answer.json("{}");
            }
            default -> Answer.of(404);
        };
    }

    @Override
    public void close() {
        listener.close();
    }
}
