package dev.d3s.server.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.sun.net.httpserver.HttpServer;

/** With a process that is no server, but starts and answers like one. */
class StartBenchmarkTest {
    private static final String JAVA = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    private static final String ANSWERING = JAVA + " -cp target/test-classes " + Answering.class.getName();

    private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

    /** Answers where a server would, and leaves a mark in its home, as a server does. */
    public static final class Answering {
        private Answering() {}

        public static void main(String... arguments) throws IOException {
            Path home = Files.createDirectories(Path.of(System.getenv("D3S_HOME")));
            Files.writeString(home.resolve("mark"), "");
            HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(),
                    Integer.parseInt(System.getenv("QUARKUS_HTTP_PORT"))), 0);
            server.createContext("/q/health/live", exchange -> {
                exchange.sendResponseHeaders(200, -1);
                exchange.close();
            });
            server.start();
        }
    }

    private StartBenchmark parse(String... arguments) {
        return StartBenchmark.parse(new PrintStream(printed, true, StandardCharsets.UTF_8), arguments);
    }

    @Test
    void shouldMeasureStartsInTurns() throws Exception {
        assertThat(parse("--start", ANSWERING, "--against", ANSWERING, "--runs", "1", "--rest", "1").run()).isZero();
        String table = printed.toString(StandardCharsets.UTF_8);
        assertThat(table).contains("first answer, ms (starts: 1)", "after 1 s",
                "Time to the first answer, the first over the second: ");
        String figure = "\\s+[0-9]+";
        String memory = Files.exists(Path.of("/proc/self/status")) ? "\\s+[1-9][0-9]*\\.[0-9]" : "\\s+-";
        assertThat(table.lines().filter(line -> line.startsWith("..."))).hasSize(2)
            .allSatisfy(
                    line -> assertThat(line).matches("\\.\\.\\.\\S+" + figure + figure + figure + memory + memory));
    }

    @Test
    void shouldSayWhyAServerDidNotStart() throws Exception {
        assertThat(parse("--start", JAVA + " --no-such-option", "--runs", "1").run()).isEqualTo(1);
        assertThat(printed.toString(StandardCharsets.UTF_8))
            .contains("--no-such-option' ended with 1 before its first answer:", "Unrecognized option");
    }

    @Test
    void shouldSayThatThereIsNoSuchProgram() throws Exception {
        assertThat(parse("--start", "no-such-program serve", "--runs", "1").run()).isEqualTo(1);
        assertThat(printed.toString(StandardCharsets.UTF_8)).contains("'no-such-program serve' cannot be run: ")
            .hasLineCount(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--start", "--against self", "--start self --run 3", "--start a --start b",
            "--start a --runs 0", "--start a --rest x"})
    void shouldRefuseWhatMakesNoSense(String arguments) {
        assertThatThrownBy(() -> parse(arguments.split(" "))).isInstanceOf(IllegalArgumentException.class)
            .message()
            .containsAnyOf("Usage: ./d3s bench --start", "but must be a number from 1 to 9999");
    }
}
