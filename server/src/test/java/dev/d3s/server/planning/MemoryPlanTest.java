package dev.d3s.server.planning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.server.example.RandomCheckpoint;
import dev.d3s.server.model.TensorType;

/**
 * Predicted memory against the peak of a process that did the work. Two at a time: most use one core. Six jobs by default, all with
 * {@code -Dd3s.memory.all=true}.
 */
class MemoryPlanTest {
    private static final double TOLERANCE = 0.20;

    /** What other jobs have, too: weights, gradients and moments more often than once. */
    private static final Set<MeasuredJob> LIKE_OTHERS = EnumSet.of(MeasuredJob.DEEP, MeasuredJob.TWO_WORKERS_IN_PLACE,
            MeasuredJob.REFERENCE);

    @TempDir
    static Path directory;
    private static final Map<MeasuredJob, Future<Long>> PEAKS = new EnumMap<>(MeasuredJob.class);
    private static ExecutorService threads;

    @BeforeAll
    static void measure() {
        assumeTrue(Files.isReadable(Path.of("/proc/self/status")), "only Linux tells a process its peak of memory");
        threads = Executors.newFixedThreadPool(2);
        for (MeasuredJob job : jobs()) {
            PEAKS.put(job, threads.submit(() -> measured(job)));
        }
    }

    @AfterAll
    static void stop() {
        if (threads != null) {
            threads.shutdownNow();
        }
    }

    static List<MeasuredJob> jobs() {
        return Arrays.stream(MeasuredJob.values())
            .filter(job -> Boolean.getBoolean("d3s.memory.all") || !LIKE_OTHERS.contains(job))
            .toList();
    }

    @ParameterizedTest
    @MethodSource("jobs")
    void shouldPredictThePeakOfAJob(MeasuredJob job) throws InterruptedException, ExecutionException {
        long measured = Objects.requireNonNull(PEAKS.get(job)).get();

        MemoryPlan plan = job.predicted();
        System.out.printf("%s: predicted %s, measured %s (%+.1f %%)%n", job, MemoryPlanner.size(plan.peak()),
                MemoryPlanner.size(measured), 100.0 * (plan.peak() - measured) / measured);
        assertThat((double) plan.peak() / measured).as("%s", plan.phases()).isCloseTo(1, within(TOLERANCE));
    }

    /** In a process of its own, with a heap and a number of malloc arenas that do not depend on the machine. */
    private static long measured(MeasuredJob job) throws IOException, InterruptedException {
        Path model = directory.resolve(job.name());
        RandomCheckpoint.write(model, job.config, TensorType.F32, 1);
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
        // two of them share the cores: a thread that waits does not take the other's
        environment.put("OMP_WAIT_POLICY", "passive");
        Path log = directory.resolve(job + ".log");
        Process process = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
        try {
            int code = process.waitFor();
            List<String> lines = Files.readAllLines(log, StandardCharsets.UTF_8);
            assertThat(code).as(String.join("\n", lines)).isZero();
            lines.forEach(System.out::println);
            return Long.parseLong(lines.getLast());
        } finally {
            process.destroyForcibly();
        }
    }
}
