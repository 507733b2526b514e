package dev.d3s.server.planning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.example.RandomCheckpoint;
import dev.d3s.server.model.TensorType;

/** Predicted memory against the peak of a process that did the work. */
class MemoryPlanTest {
    private static final double TOLERANCE = 0.20;

    @TempDir
    Path directory;

    @ParameterizedTest
    @EnumSource
    void shouldPredictThePeakOfAJob(MeasuredJob job) throws IOException, InterruptedException {
        assumeTrue(Files.isReadable(Path.of("/proc/self/status")), "only Linux tells a process its peak of memory");
        Path model = directory.resolve("model");
        RandomCheckpoint.write(model, job.config, TensorType.F32, 1);

        long measured = measured(job, model);

        MemoryPlan plan = job.predicted();
        System.out.printf("%s: predicted %s, measured %s (%+.1f %%)%n", job, MemoryPlanner.size(plan.peak()),
                MemoryPlanner.size(measured), 100.0 * (plan.peak() - measured) / measured);
        assertThat((double) plan.peak() / measured).as("%s", plan.phases()).isCloseTo(1, within(TOLERANCE));
    }

    /** In a process of its own, with a heap and a number of malloc arenas that do not depend on the machine. */
    private long measured(MeasuredJob job, Path model) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:+UseSerialGC", "-Xmx64m",
                "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
                MemoryProbe.class.getName(), job.name(), model.toString());
        Map<String, String> environment = builder.environment();
        // not an argument: ONNX Runtime looks at the command line with a pattern that a long one overflows
        environment.put("CLASSPATH",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
        environment.put("DJL_OFFLINE", "true");
        environment.put("OPT_OUT_TRACKING", "true");
        environment.put("MALLOC_ARENA_MAX", "8");
        Path log = directory.resolve("log");
        int code = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start().waitFor();
        List<String> lines = Files.readAllLines(log, StandardCharsets.UTF_8);
        assertThat(code).as(String.join("\n", lines)).isZero();
        lines.forEach(System.out::println);
        return Long.parseLong(lines.getLast());
    }
}
