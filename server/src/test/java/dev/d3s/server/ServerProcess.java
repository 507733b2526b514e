package dev.d3s.server;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** The packaged server as a process of its own, and a client of it. Closing it kills it. */
final class ServerProcess implements AutoCloseable {
    static final ObjectMapper JSON = new ObjectMapper();

    private static final Duration DEADLINE = Duration.ofMinutes(2);
    private static final Pattern LISTENING = Pattern.compile("Listening on: (http://[^ ]+)");

    private final Process process;
    private final Queue<String> log = new ConcurrentLinkedQueue<>();
    private final CompletableFuture<URI> address = new CompletableFuture<>();
    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final URI base;

    /**
     * Starts it as the launcher does, on a port that is free, and waits until it listens.
     *
     * @param settings more of them, as options of the JVM
     */
    ServerProcess(Path home, String... settings) throws Exception {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
                        "-Dd3s.home=" + home, "-Dquarkus.http.port=0"));
        command.addAll(List.of(settings));
        command.addAll(
                List.of("-jar", Path.of("target", "quarkus-app", "quarkus-run.jar").toAbsolutePath().toString(),
                        "serve"));
        process = new ProcessBuilder(command)
            .redirectErrorStream(true)
            .start();
        Thread.ofVirtual().start(this::readLog);
        try {
            base = address.get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
        } catch (Exception e) {
            close();
            throw e;
        }
    }

    private void readLog() {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                log.add(line);
                Matcher listening = LISTENING.matcher(line);
                if (listening.find()) {
                    address.complete(URI.create(listening.group(1)));
                }
            }
        } catch (IOException e) {
            log.add(e.toString());
        }
        address.completeExceptionally(new IllegalStateException("The server ended before it listened:\n" + log()));
    }

    String log() {
        return String.join("\n", log);
    }

    // ---------------------------------------------------------------- ends

    /** SIGKILL. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** SIGTERM; whether it ended in time. */
    boolean terminate(Duration limit) throws InterruptedException {
        process.destroy();
        return process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        process.destroyForcibly();
        http.shutdownNow();
        http.close();
    }

    // ---------------------------------------------------------------- requests

    /** Where it listens, without a slash at the end. */
    String address() {
        return base.toString();
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(base.resolve(path)).timeout(DEADLINE);
    }

    HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return http.send(request.build(), BodyHandlers.ofString());
    }

    int status(String path) throws IOException, InterruptedException {
        return send(request(path)).statusCode();
    }

    private JsonNode json(HttpRequest.Builder request) throws IOException, InterruptedException {
        HttpResponse<String> response = send(request);
        if (response.statusCode() != 200) {
            throw new IllegalStateException(response.statusCode() + ": " + response.body() + "\n" + log());
        }
        return JSON.readTree(response.body());
    }

    JsonNode get(String path) throws IOException, InterruptedException {
        return json(request(path));
    }

    JsonNode post(String path, JsonNode body) throws IOException, InterruptedException {
        return json(request(path).header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(body))));
    }

    /** @return the file's id */
    String upload(Path file) throws IOException, InterruptedException {
        String boundary = "journey-7f3a9c";
        String body = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n--"
                + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + file.getFileName()
                + "\"\r\nContent-Type: application/octet-stream\r\n\r\n" + Files.readString(file) + "\r\n--" + boundary
                + "--\r\n";
        return json(request("/v1/files").header("Content-Type", "multipart/form-data; boundary=" + boundary)
            .POST(HttpRequest.BodyPublishers.ofString(body))).path("id").asText();
    }

    JsonNode job(String id) throws IOException, InterruptedException {
        return get("/v1/fine_tuning/jobs/" + id);
    }

    /** All rows of a job's metrics, the head first. */
    List<String> metrics(String id) throws IOException, InterruptedException {
        return send(request("/v1/fine_tuning/jobs/" + id + "/metrics").header("Accept", "text/csv")).body()
            .lines()
            .toList();
    }

    /** One event of a live stream. */
    record Event(String id, JsonNode content) {
        String message() {
            return content.path("message").asText();
        }
    }

    /**
     * Follows a job's live events until one is what is waited for, or to the end of the stream, which comes with the job's
     * end.
     *
     * @param after the id of the last event that is known already
     * @return the events read
     */
    List<Event> follow(String job, @Nullable String after, Predicate<Event> until) throws Exception {
        HttpRequest.Builder request = request("/v1/fine_tuning/jobs/" + job + "/events").header("Accept",
                "text/event-stream");
        if (after != null) {
            request.header("Last-Event-ID", after);
        }
        List<Event> events = new ArrayList<>();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(
                http.send(request.build(), BodyHandlers.ofInputStream()).body(), StandardCharsets.UTF_8))) {
            String id = "";
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("id:")) {
                    id = line.substring("id:".length()).strip();
                } else if (line.startsWith("data:")) {
                    Event event = new Event(id, JSON.readTree(line.substring("data:".length())));
                    events.add(event);
                    if (until.test(event)) {
                        return events;
                    }
                }
            }
        }
        return events;
    }
}
