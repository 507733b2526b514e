package dev.d3s.server.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

import jakarta.inject.Inject;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import dev.d3s.server.job.ScriptedTraining;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;

/** OpenAI's official client for Node, where Node and npm are installed and npm can get it; it stays in {@code target}. */
@QuarkusTest
@TestProfile(ScriptedServer.class)
class NodeClientTest {
    private static final Path DIRECTORY = Path.of("target", "node-client");

    @Inject
    ScriptedTraining training;

    @TestHTTPResource("/v1")
    URI baseUrl;

    @AfterEach
    void reset() {
        training.reset();
    }

    private record Run(int status, List<String> lines) {}

    private static Run run(String... command) throws IOException, InterruptedException {
        Path output = Files.createTempFile("node-client", ".txt");
        try {
            Process process = new ProcessBuilder(command).directory(DIRECTORY.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
            if (!process.waitFor(120, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError(String.join(" ", command) + " does not end.");
            }
            return new Run(process.exitValue(), Files.readAllLines(output));
        } finally {
            Files.delete(output);
        }
    }

    /** Gets the client where it is not there yet; without Node, npm or a network there is no test. */
    private static void install() throws IOException, InterruptedException {
        Files.createDirectories(DIRECTORY);
        boolean same = Files.isDirectory(DIRECTORY.resolve("node_modules/openai"));
        for (String name : List.of("package.json", "package-lock.json", "client.mjs")) {
            try (InputStream input = Objects
                .requireNonNull(NodeClientTest.class.getResourceAsStream("/node/" + name))) {
                byte[] content = input.readAllBytes();
                Path file = DIRECTORY.resolve(name);
                same &= name.endsWith(".mjs")
                        || (Files.exists(file) && java.util.Arrays.equals(Files.readAllBytes(file), content));
                Path temporary = Files.write(DIRECTORY.resolve("." + name), content);
                Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
            }
        }
        Run node;
        Run npm = new Run(0, List.of());
        try {
            node = run("node", "--version");
            if (!same) {
                npm = run("npm", "ci", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=0");
            }
        } catch (IOException absent) {
            node = new Run(1, List.of(String.valueOf(absent.getMessage())));
        }
        assumeTrue(node.status() == 0, "Node is not installed: " + node.lines());
        assumeTrue(npm.status() == 0, "npm cannot get OpenAI's client: " + npm.lines());
    }

    @Test
    void shouldServeTheClientForNode() throws Exception {
        install();

        Run run = run("node", "client.mjs", baseUrl.toString());

        assertThat(run.lines()).containsExactly("files", "models", "a job", "live events", "pages of events",
                "the result", "completions", "chat", "errors", "deleting");
        assertThat(run.status()).isZero();
    }
}
