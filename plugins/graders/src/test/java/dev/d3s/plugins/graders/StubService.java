package dev.d3s.plugins.graders;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/** A service on loopback that answers as a test says; remembers what it was asked. */
final class StubService implements AutoCloseable {
    /** @param header of the request, by name in lower case */
    record Request(String path, String body, Map<String, List<String>> header) {
        Map<String, Object> json() {
            try {
                return Members.of(Json.read(body));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        List<?> rollouts() {
            return (List<?>) json().getOrDefault("rollouts", List.of());
        }

        String header(String name) {
            return header.entrySet()
                .stream()
                .filter(entry -> entry.getKey().equalsIgnoreCase(name))
                .map(entry -> entry.getValue().getFirst())
                .findFirst()
                .orElse("");
        }
    }

    record Answer(int status, String body, Map<String, String> header) {
        static Answer of(String body) {
            return new Answer(200, body, Map.of());
        }
    }

    final ConcurrentLinkedQueue<Request> requests = new ConcurrentLinkedQueue<>();
    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

    StubService(Function<Request, Answer> answers) throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", exchange -> answer(exchange, answers));
        server.start();
    }

    private void answer(HttpExchange exchange, Function<Request, Answer> answers) throws IOException {
        try (exchange) {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            Request request = new Request(exchange.getRequestURI().toString(), body,
                    Map.copyOf(exchange.getRequestHeaders()));
            requests.add(request);
            Answer answer = answers.apply(request);
            answer.header().forEach(exchange.getResponseHeaders()::set);
            byte[] bytes = answer.body().getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(answer.status(), bytes.length == 0 ? -1 : bytes.length);
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(bytes);
            }
        }
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
