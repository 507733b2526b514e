package dev.d3s.server.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/** Speaks the part of the HTTP API that the demo and the comparison use; jobs end as soon as their events have been read. */
final class FakeServer implements AutoCloseable {
    final Map<String, String> files = new ConcurrentHashMap<>();
    final List<JsonNode> jobs = Collections.synchronizedList(new ArrayList<>());
    final ConcurrentLinkedQueue<String> lastEventIds = new ConcurrentLinkedQueue<>();
    /** Status of the n-th job, from 0. */
    final Map<Integer, String> ends = new ConcurrentHashMap<>();
    /** A stream breaks after so many events. */
    volatile int breakAfter = Integer.MAX_VALUE;
    /** Whether a stream stays open after its last event. */
    volatile boolean endless;

    /** Metrics of a job, as CSV. */
    volatile Function<JsonNode, String> metrics = FakeServer::csv;

    private final HttpServer server;
    private static final String PRESETS = """
            {"object": "list", "has_more": false, "data": [
              {"name": "grpo", "rollouts": {"selector": {"name": "all"}}, "tokens": {"selector": {"name": "all"}}},
              {"name": "d1s", "rollouts": {"selector": {"name": "d3s-intra"}}, "tokens": {"selector": {"name": "all"}}},
              {"name": "d3s", "rollouts": {"selector": {"name": "d3s-cross"}},
               "tokens": {"selector": {"name": "advantage-entropy"}}}]}""";

    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final CountDownLatch closed = new CountDownLatch(1);

    FakeServer() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/v1/files", this::upload);
        server.createContext("/v1/fine_tuning/jobs", this::jobs);
        server.createContext("/v1/presets", exchange -> answer(exchange, 200, "application/json", PRESETS));
        server.start();
    }

    URI uri() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    }

    /** Content of an uploaded file. */
    String file(String id) {
        return Objects.requireNonNull(files.get(id), id);
    }

    @Override
    public void close() {
        closed.countDown();
        server.stop(0);
        threads.shutdownNow();
    }

    private void upload(HttpExchange exchange) throws IOException {
        String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        String boundary = "--" + exchange.getRequestHeaders().getFirst("Content-Type").split("boundary=")[1];
        String id = "file-" + files.size();
        for (String part : body.split(boundary)) {
            if (part.contains("name=\"file\"")) {
                files.put(id, part.substring(part.indexOf("\r\n\r\n") + 4, part.length() - 2));
            }
        }
        boolean fineTune = body.contains("name=\"purpose\"\r\n\r\nfine-tune\r\n") && body.endsWith(boundary + "--\r\n");
        answer(exchange, fineTune ? 200 : 400, "application/json", "{\"id\":\"" + id + "\",\"object\":\"file\"}");
    }

    private void jobs(HttpExchange exchange) throws IOException {
        String[] path = exchange.getRequestURI().getPath().split("/");
        if (exchange.getRequestMethod().equals("POST")) {
            JsonNode job = ApiClient.JSON.readTree(exchange.getRequestBody().readAllBytes());
            if (job.path("seed").asLong() == 400) {
                answer(exchange, 400, "application/json",
                        "{\"error\":{\"message\":\"There is no preset 'd4s'.\",\"param\":\"method\"}}");
                return;
            }
            jobs.add(job);
            answer(exchange, 200, "application/json", state(jobs.size() - 1, "queued").toString());
            return;
        }
        int number = Integer.parseInt(path[4].substring("ftjob-".length()));
        String member = path.length > 5 ? path[5] : "";
        switch (member) {
            case "events" -> events(exchange, number);
            case "metrics" -> answer(exchange, 200, "text/csv", metrics.apply(jobs.get(number)));
            case "checkpoints" -> answer(exchange, 200, "application/json",
                    "{\"object\":\"list\",\"data\":[{},{}],\"has_more\":false}");
            default -> answer(exchange, 200, "application/json",
                    state(number, ends.getOrDefault(number, "succeeded")).toString());
        }
    }

    private static ObjectNode state(int number, String status) {
        ObjectNode job = ApiClient.JSON.createObjectNode()
            .put("id", "ftjob-" + number)
            .put("status", status)
            .put("fine_tuned_model", "ft:arithmetic-base:d3s:demo:" + number);
        if (status.equals("failed")) {
            job.putObject("error").put("message", "The loss is NaN at step 3: lower the learning rate.");
        }
        return job;
    }

    private void events(HttpExchange exchange, int number) throws IOException {
        String last = exchange.getRequestHeaders().getFirst("Last-Event-ID");
        lastEventIds.add(String.valueOf(last));
        int from = last == null ? 0 : Integer.parseInt(last.substring(last.lastIndexOf('-') + 1)) + 1;
        boolean supervised = number < jobs.size() ? supervised(jobs.get(number)) : number == 0;
        String[] events = {"{\"type\":\"message\",\"message\":\"The job has begun.\"}",
                "{\"type\":\"metrics\",\"message\":\"Before\",\"data\":{\"step\":-1,\"total_steps\":10,\"accuracy\":0.125}}",
                metrics(0, supervised), metrics(1, supervised), metrics(9, supervised)};
        exchange.getResponseHeaders().add("Content-Type", "text/event-stream");
        exchange.sendResponseHeaders(200, 0);
        try (OutputStream body = exchange.getResponseBody()) {
            int sent = 0;
            for (int index = from; index < events.length && sent < breakAfter; index++, sent++) {
                ObjectNode event = (ObjectNode) ApiClient.JSON.readTree(events[index]);
                event.put("id", "ftevent-" + number + "-" + index).put("object", "fine_tuning.job.event");
                body.write((": ping\n\nid: ftevent-" + number + "-" + index + "\ndata: " + event + "\n\n")
                    .getBytes(StandardCharsets.UTF_8));
                body.flush();
            }
            if (endless) {
                closed.await();
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private static String metrics(int step, boolean supervised) {
        return "{\"type\":\"metrics\",\"message\":\"Step\",\"data\":{\"step\":" + step + ",\"total_steps\":10,"
                + (supervised ? "\"loss\":1.25" : "\"reward_mean\":0.5,\"kept_rollouts\":64,\"kept_tokens\":400")
                + "}}";
    }

    static boolean supervised(JsonNode job) {
        return job.at("/method/type").asText().equals("supervised");
    }

    static String csv(JsonNode job) {
        return supervised(job) ? """
                step,accuracy,trained_tokens
                -1,0,
                0,,900
                349,0.1640625,353000
                """ : """
                step,accuracy,generated_tokens,seconds_rollout,seconds_update,trained_tokens
                -1,0.1640625,,,,
                0,,8000,0.5,0.25,400
                39,0.984375,320000,0.25,0.125,108000
                """;
    }

    private static void answer(HttpExchange exchange, int status, String type, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().add("Content-Type", type);
        exchange.sendResponseHeaders(status, bytes.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(bytes);
        }
    }
}
