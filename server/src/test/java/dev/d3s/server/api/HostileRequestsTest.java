package dev.d3s.server.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.anyOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import jakarta.inject.Inject;

import org.jboss.logmanager.Level;
import org.jboss.logmanager.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.server.config.RequestLimits;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.job.ScriptedTraining;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;
import io.restassured.response.ValidatableResponse;

/** What clients send that wish the server ill, or are broken. */
@QuarkusTest
@TestProfile(ScriptedServer.class)
class HostileRequestsTest {
    @Inject
    ScriptedTraining training;

    @Inject
    ScriptedCompletions completions;

    @Inject
    RequestLimits limits;

    @Inject
    ServerSettings settings;

    @TestHTTPResource("/")
    URI base;

    @AfterEach
    void reset() {
        training.reset();
        given().get("/v1/presets").then().statusCode(200);
    }

    private static ValidatableResponse complete(String body) {
        return given().contentType(ContentType.JSON).body(body).post("/v1/completions").then();
    }

    /** Sends text as it is and returns what comes back until the connection closes. */
    private String raw(String text) throws IOException {
        try (Socket socket = new Socket(base.getHost(), base.getPort())) {
            socket.setSoTimeout(20_000);
            try {
                socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
                socket.getOutputStream().flush();
            } catch (SocketException closed) {
                // the server had read enough
            }
            return rest(socket);
        }
    }

    private static String rest(Socket socket) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try {
            InputStream input = socket.getInputStream();
            byte[] block = new byte[8192];
            for (int count = input.read(block); count >= 0; count = input.read(block)) {
                all.write(block, 0, count);
            }
        } catch (SocketException reset) {
            // closed all the same
        }
        return all.toString(StandardCharsets.ISO_8859_1);
    }

    @Test
    void shouldRefuseARequestThatIsTooLargeWhetherItSaysSoOrNot() throws Exception {
        complete("{\"prompt\": \"" + "x".repeat((int) limits.json()) + "\"}").statusCode(413)
            .body("error.code", equalTo("request_too_large"))
            .body("error.message", containsString("d3s.requests.limit"));

        String block = " ".repeat(8192);
        HttpRequest chunked = HttpRequest.newBuilder(base.resolve("/v1/completions"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers
                .ofByteArrays(() -> Stream.generate(() -> block.getBytes(StandardCharsets.UTF_8))
                    .limit(2 * limits.json() / 8192)
                    .iterator()))
            .build();
        try (HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
            HttpResponse<String> response = client.send(chunked, HttpResponse.BodyHandlers.ofString());
            assertThat(response.statusCode()).isEqualTo(413);
            assertThat(response.body()).contains("request_too_large");
        }
    }

    @Test
    void shouldCloseTheConnectionOfAClientThatHardlySends() throws Exception {
        long start = System.nanoTime();
        String answer = raw("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: 1000\r\n\r\n{\"model\": ");
        assertThat(answer).isEmpty();
        String upload = raw(
                "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                        + "Content-Length: 100000\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc");
        assertThat(upload).isEmpty();
        assertThat(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start)).isLessThan(15);
    }

    @Test
    void shouldRefuseUploadsThatAreNoMultipart() throws Exception {
        String part = "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n--b--\r\n";
        for (String body : List.of("--b\r\n3.5e-167--b--\r\n", "--b\r\nno header\r\n\r\n--b--\r\n",
                part.replace("\r\n\r\n", ": "), "{}", "", "--b--\r\n", part)) {
            String answer = raw("POST /v1/files HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
                    + "multipart/form-data; boundary=b\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
            assertThat(answer).as(body).startsWith("HTTP/1.1 400").contains("invalid_request_error");
        }
    }

    @Test
    void shouldSurviveAClientThatSendsLessThanItSays() throws Exception {
        try (Socket socket = new Socket(base.getHost(), base.getPort())) {
            socket.getOutputStream()
                .write(("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        + "Content-Length: 1000\r\n\r\n{}")
                    .getBytes(StandardCharsets.UTF_8));
            socket.shutdownOutput();
            rest(socket);
        }
    }

    @Test
    void shouldRefuseFloodsOfHeaders() throws Exception {
        StringBuilder headers = new StringBuilder("GET /v1/models HTTP/1.1\r\nHost: localhost\r\n");
        for (int header = 0; header < 100_000; header++) {
            headers.append("X-").append(header).append(": ").append(header).append("\r\n");
        }
        assertThat(raw(headers + "\r\n")).startsWith("HTTP/1.1 431");
        assertThat(raw("GET /" + "x".repeat(100_000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n")).contains(" 414 ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v1/files/file-%00", "/v1/fine_tuning/jobs/x%00", "/v1/models/%00", "/v1/files?after=%00",
            "/v1/fine_tuning/jobs?metadata%5Ba%5D=%00"})
    void shouldRefuseNulInAddresses(String path) {
        given().urlEncodingEnabled(false)
            .get(path)
            .then()
            .statusCode(400)
            .body("error.message", containsString("NUL"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v1/files/..%2F..%2Fd3s.db/content", "/v1/files/%2e%2e%2fd3s.db", "/v1/models/..%2F..",
            "/v1/fine_tuning/jobs/..%2Fx", "/v1/models/%2Fetc", "/v1/models/base%2F..", "/v1/evals/..%5C..%5Cx"})
    void shouldFindNothingBeyondItsDirectories(String path) {
        given().urlEncodingEnabled(false).get(path).then().statusCode(404);
        given().urlEncodingEnabled(false)
            .delete(path.replace("/content", ""))
            .then()
            .statusCode(anyOf(is(404), is(405)));
    }

    @ParameterizedTest
    @CsvSource({"../../../etc/passwd, passwd", "C:\\windows\\rows.jsonl, rows.jsonl", "/etc/rows.jsonl, rows.jsonl",
            "..., ..."})
    void shouldKeepTheLastPartOfAFileName(String name, String kept) throws Exception {
        String id = given().multiPart("file", name, "{}\n".getBytes(StandardCharsets.UTF_8))
            .multiPart("purpose", "fine-tune")
            .post("/v1/files")
            .then()
            .statusCode(200)
            .body("filename", equalTo(kept))
            .extract()
            .path("id");
        assertThat(Path.of(settings.filesDirectory().toString(), id)).hasContent("{}\n");
    }

    @Test
    void shouldRefuseFileNamesThatAreNone() {
        for (String name : List.of("a".repeat(300), "rows/", "x\u0007y")) {
            given().multiPart("file", name, "{}\n".getBytes(StandardCharsets.UTF_8))
                .multiPart("purpose", "fine-tune")
                .post("/v1/files")
                .then()
                .statusCode(400)
                .body("error.param", equalTo("file"));
        }
    }

    @Test
    void shouldLeaveNothingOfARefusedUpload() throws Exception {
        given().multiPart("file", "rows.jsonl", new byte[100_000])
            .multiPart("purpose", "anything")
            .post("/v1/files")
            .then()
            .statusCode(400);
        List<Path> left = List.of();
        for (long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(20); System.nanoTime() < limit;) {
            try (Stream<Path> uploads = Files.walk(settings.home().resolve("uploads"))) {
                left = uploads.filter(Files::isRegularFile).toList();
            }
            if (left.isEmpty()) {
                break;
            }
            given().get("/v1/presets").then().statusCode(200); // it goes after the answer
        }
        assertThat(left).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"steps | 2147483648", "steps | -1", "steps | 1e999999999", "steps | 1.5",
            "steps | 0", "group_size | 1000000000", "group_size | 99999999999999999999999999", "group_size | \"16\"",
            "optimizer | {\"learning_rate\": 1e400}", "optimizer | {\"learning_rate\": -1}",
            "optimizer | {\"learning_rate\": 0}", "optimizer | {\"beta1\": 1}", "sampling | {\"max_tokens\": 1e9}",
            "sampling | {\"temperature\": 1e-999}", "updates | {\"mini_batches\": 2e9}", "rollouts | {\"keep\": 1e999}",
            "recording | {\"groups\": 9223372036854775807}", "lora | {\"rank\": 1e12}"})
    void shouldRefuseAbsurdNumbers(String member, String value) {
        String file = JobsResourceTest.upload("{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n");
        given().contentType(ContentType.JSON)
            .body("{\"model\": \"base\", \"training_file\": \"" + file + "\", \"method\": {\"type\": \"reinforcement\","
                    + " \"reinforcement\": {\"grader\": {\"type\": \"string_check\", \"input\": \"a\", \"reference\":"
                    + " \"b\", \"operation\": \"eq\"}, \"d3s\": {\"" + member + "\": " + value + "}}}}")
            .post("/v1/fine_tuning/jobs")
            .then()
            .statusCode(400)
            .body("error.param", containsString("method.reinforcement.d3s." + member))
            .body("error.message.length()", lessThan(1000));
    }

    @Test
    void shouldTellOfSomeMistakesWhenThereAreThousands() {
        StringBuilder body = new StringBuilder("{");
        for (int member = 0; member < 5000; member++) {
            body.append("\"m").append(member).append("\": 0, ");
        }
        body.append("\"z\": 0}");
        for (String path : List.of("/v1/completions", "/v1/chat/completions", "/v1/fine_tuning/jobs", "/v1/evals",
                "/v1/models", "/v1/fine_tuning/alpha/graders/run")) {
            int length = given().contentType(ContentType.JSON)
                .body(body.toString())
                .post(path)
                .then()
                .statusCode(400)
                .extract()
                .asByteArray().length;
            assertThat(length).as(path).isLessThan(200_000);
        }
    }

    @Test
    void shouldOpenSoManyEventStreamsOnly() throws Exception {
        training.hold();
        String job = given().contentType(ContentType.JSON)
            .body("{\"model\": \"base\", \"training_file\": \""
                    + JobsResourceTest.upload("{\"prompt\": \"1+1=\", \"completion\": \"2\"}\n")
                    + "\", \"method\": {\"type\": \"supervised\", \"supervised\": {\"d3s\": {\"steps\": 2}}}}")
            .post("/v1/fine_tuning/jobs")
            .then()
            .statusCode(200)
            .extract()
            .path("id");
        training.awaitHeld();
        HttpRequest request = HttpRequest.newBuilder(base.resolve("/v1/fine_tuning/jobs/" + job + "/events"))
            .header("Accept", "text/event-stream")
            .build();
        List<InputStream> streams = new ArrayList<>();
        try (HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
            for (int stream = 0; stream < limits.streams(); stream++) {
                HttpResponse<InputStream> open = client.send(request, HttpResponse.BodyHandlers.ofInputStream());
                assertThat(open.statusCode()).isEqualTo(200);
                streams.add(open.body());
            }
            HttpResponse<String> refused = client.send(request, HttpResponse.BodyHandlers.ofString());
            assertThat(refused.statusCode()).isEqualTo(429);
            assertThat(refused.headers().firstValue("Retry-After")).isPresent();
            assertThat(refused.body()).contains("server_busy", "d3s.events.streams");
            for (InputStream stream : streams) {
                stream.close();
            }
            // a quiet stream notices with its next heartbeat that nobody listens
            int status = 429;
            for (long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(20); status == 429
                    && System.nanoTime() < limit;) {
                HttpResponse<InputStream> again = client.send(request, HttpResponse.BodyHandlers.ofInputStream());
                status = again.statusCode();
                again.body().close();
            }
            assertThat(status).isEqualTo(200);
        } finally {
            training.letGo();
        }
    }

    /** A client that goes away is no failure of the server. */
    @Test
    void shouldNotCallAGoneClientAnError() throws Exception {
        List<String> errors = new ArrayList<>();
        java.util.logging.Handler handler = new java.util.logging.Handler() {
            @Override
            public void publish(java.util.logging.LogRecord entry) {
                if (entry.getLevel().intValue() >= Level.WARN.intValue()) {
                    errors.add(entry.getMessage());
                }
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger logger = Logger.getLogger(ErrorMapper.class.getName());
        logger.addHandler(handler);
        try {
            try (Socket socket = new Socket(base.getHost(), base.getPort())) {
                String body = "{\"model\": \"base\", \"messages\": [{\"role\": \"user\", \"content\": \"wait\"}]}";
                socket.getOutputStream()
                    .write(("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                            + "Content-Length: " + body.length() + "\r\n\r\n" + body)
                        .getBytes(StandardCharsets.UTF_8));
                assertThat(completions.waiting.tryAcquire(20, TimeUnit.SECONDS)).isTrue();
            }
            assertThat(completions.gone.poll(20, TimeUnit.SECONDS)).isEqualTo("wait");
            complete("{}").statusCode(is(400)); // whatever the gone one logs comes before
            assertThat(errors).isEmpty();
        } finally {
            logger.removeHandler(handler);
        }
    }
}
