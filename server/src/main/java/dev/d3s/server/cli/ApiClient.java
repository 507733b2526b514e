package dev.d3s.server.cli;

import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** The server's HTTP API as any client sees it. Any thread; closed by whoever opened it. */
final class ApiClient implements AutoCloseable {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration TIMEOUT = Duration.ofMinutes(2);
    private static final String BOUNDARY = "d3s-demo-boundary-7f3a9c";

    private final URI base;
    private final HttpClient http;

    /** The server said no, or did not answer; the message is for people. */
    static final class ApiException extends IOException {
        private static final long serialVersionUID = 1L;

        ApiException(String message) {
            super(message);
        }

        ApiException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /**
     * @param base scheme, host and port, e.g. {@code http://localhost:8080}
     */
    ApiClient(URI base) {
        this.base = base;
        this.http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(20))
            .build();
    }

    JsonNode get(String path) throws IOException, InterruptedException {
        return json(send(request(path).header("Accept", "application/json").timeout(TIMEOUT).GET().build()));
    }

    String getCsv(String path) throws IOException, InterruptedException {
        return send(request(path).header("Accept", "text/csv").timeout(TIMEOUT).GET().build());
    }

    JsonNode post(String path, ObjectNode body) throws IOException, InterruptedException {
        return json(send(request(path).header("Content-Type", "application/json")
            .timeout(TIMEOUT)
            .POST(BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body)))
            .build()));
    }

    /** Uploads a dataset and returns its id. */
    String upload(Path file) throws IOException, InterruptedException {
        String start = "--" + BOUNDARY + "\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n--"
                + BOUNDARY + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + file.getFileName()
                + "\"\r\nContent-Type: application/jsonl\r\n\r\n";
        return json(send(request("/v1/files").header("Content-Type", "multipart/form-data; boundary=" + BOUNDARY)
            .timeout(TIMEOUT)
            .POST(multipart(start, file))
            .build())).path("id").asText();
    }

    /** Opens a live stream of events, oldest first. */
    ServerSentEvents stream(String path, @Nullable String lastEventId) throws IOException, InterruptedException {
        HttpRequest.Builder request = request(path).header("Accept", "text/event-stream");
        if (lastEventId != null) {
            request.header("Last-Event-ID", lastEventId);
        }
        HttpResponse<InputStream> response = exchange(request.GET().build());
        if (response.statusCode() != 200) {
            try (InputStream body = response.body()) {
                throw refused(response.statusCode(), new String(body.readAllBytes(), StandardCharsets.UTF_8));
            }
        }
        return new ServerSentEvents(response.body());
    }

    @Override
    public void close() {
        // not close(), which waits for streams that nobody reads any more
        http.shutdownNow();
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(base.resolve(path));
    }

    private String send(HttpRequest request) throws IOException, InterruptedException {
        HttpResponse<InputStream> response = exchange(request);
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        try (InputStream in = response.body()) {
            in.transferTo(body);
        }
        String text = body.toString(StandardCharsets.UTF_8);
        if (response.statusCode() / 100 != 2) {
            throw refused(response.statusCode(), text);
        }
        return text;
    }

    private HttpResponse<InputStream> exchange(HttpRequest request) throws IOException, InterruptedException {
        try {
            return http.send(request, BodyHandlers.ofInputStream());
        } catch (ConnectException unreachable) {
            throw new ApiException("No server answers at " + base + ".", unreachable);
        }
    }

    private static BodyPublisher multipart(String start, Path file) throws FileNotFoundException {
        return BodyPublishers.concat(BodyPublishers.ofString(start), BodyPublishers.ofFile(file),
                BodyPublishers.ofString("\r\n--" + BOUNDARY + "--\r\n"));
    }

    private static JsonNode json(String text) throws ApiException {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException notJson) {
            throw new ApiException("The server answered with something that is not JSON: " + beginning(text), notJson);
        }
    }

    private static ApiException refused(int status, String body) {
        try {
            String message = JSON.readTree(body).path("error").path("message").asText("");
            if (!message.isEmpty()) {
                return new ApiException("The server refused (" + status + "): " + message);
            }
        } catch (JsonProcessingException notJson) {
            // shown as it is
        }
        return new ApiException("The server answered with status " + status + ": " + beginning(body));
    }

    private static String beginning(String text) {
        return text.length() <= 300 ? text : text.substring(0, 300) + "...";
    }
}
