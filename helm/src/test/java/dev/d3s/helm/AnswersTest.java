package dev.d3s.helm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/** What {@code helm test} runs, against a server that answers as ours does. Skipped where its tools are missing. */
class AnswersTest {
    private static final String KEY = "d3s-0123456789-" + "ab".repeat(32);

    private final Path directory;
    private final HttpServer server;
    /** Whether requests without a key are refused. */
    private boolean closed = true;

    AnswersTest(@TempDir Path directory) throws Exception {
        this.directory = directory;
        Files.writeString(directory.resolve("api-key"), KEY);
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/q/health/ready", exchange -> answer(exchange, 200, "{\"status\": \"UP\"}"));
        server.createContext("/v1/models", exchange -> guarded(exchange, "{\"object\": \"list\"}"));
        server.createContext("/q/metrics", exchange -> guarded(exchange, "jvm_x 1\nd3s_jobs{status=\"queued\"} 0.0\n"));
    }

    private void guarded(HttpExchange exchange, String text) throws IOException {
        boolean known = ("Bearer " + KEY).equals(exchange.getRequestHeaders().getFirst("Authorization"));
        answer(exchange, known || !closed ? 200 : 401, text);
    }

    private static void answer(HttpExchange exchange, int status, String text) throws IOException {
        byte[] content = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, content.length);
        exchange.getResponseBody().write(content);
        exchange.close();
    }

    @BeforeEach
    void start() {
        HelmChart.assumeSupported();
        Shell.assumeTools("sh", "curl", "grep");
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    private Shell.Ended run() throws Exception {
        return Shell.run(HelmChart.render("{}")
            .the("Pod", "lab-d3s-server-test-answers")
            .path("spec")
            .path("containers")
            .path(0)
            .path("args")
            .path(0)
            .asText()
            .replace("http://lab-d3s-server.research.svc:80", "http://127.0.0.1:" + server.getAddress().getPort())
            .replace("/etc/d3s-key", directory.toString())
            .replace("/tmp/curl", directory.resolve("curl").toString()));
    }

    @Test
    void shouldBeContentWithAServerThatLetsInItsAdminOnly() throws Exception {
        Shell.Ended ended = run();
        assertThat(ended.output()).contains("\"UP\"", "401", "\"list\"", "d3s_jobs{status=\"queued\"} 0.0")
            .doesNotContain("jvm_x", KEY);
        assertThat(ended.code()).isZero();
    }

    @Test
    void shouldNoticeAServerThatIsOpen() throws Exception {
        closed = false;
        assertThat(run().code()).isNotZero();
    }

    @Test
    void shouldNoticeAKeyThatTheServerDoesNotKnow() throws Exception {
        Files.writeString(directory.resolve("api-key"), KEY + "0");
        Shell.Ended ended = run();
        assertThat(ended.code()).isNotZero();
        assertThat(ended.output()).contains("It lets its admin in:").doesNotContain("d3s_jobs");
    }
}
