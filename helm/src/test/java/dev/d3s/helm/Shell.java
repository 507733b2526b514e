package dev.d3s.helm;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Runs the chart's scripts as containers would. */
final class Shell {
    /** How a script ended, and all that it said. */
    record Ended(int code, String output) {}

    private Shell() {}

    /** Skips the test where one of the script's tools is missing. */
    static void assumeTools(String... tools) {
        for (String tool : tools) {
            assumeTrue(Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                .anyMatch(path -> Files.isExecutable(Path.of(path, tool))),
                    "There is no " + tool + ": the chart's scripts are not tested here.");
        }
    }

    static Ended run(String script) throws IOException, InterruptedException {
        Process process = new ProcessBuilder("sh", "-euc", script).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ended(process.waitFor(), output);
    }
}
