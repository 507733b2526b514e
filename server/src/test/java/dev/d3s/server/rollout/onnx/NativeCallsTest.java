package dev.d3s.server.rollout.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.SamplingSettings;

class NativeCallsTest {
    @TempDir
    Path directory;

    @Test
    void shouldWaitForTheCallsThatRunAndRefuseLaterOnes() throws Exception {
        NativeCalls calls = new NativeCalls();
        CountDownLatch running = new CountDownLatch(2);
        CountDownLatch release = new CountDownLatch(1);
        List<FutureTask<String>> tasks = List.of(new FutureTask<>(() -> calls.run(() -> waited(running, release))),
                new FutureTask<>(() -> calls.run(() -> waited(running, release))));
        tasks.forEach(task -> Thread.ofVirtual().start(task));
        running.await(); // both at once
        Thread exit = Thread.ofPlatform().start(calls::finishBeforeExit);
        assertThat(exit.join(Duration.ofMillis(50))).isFalse();
        assertThatThrownBy(() -> calls.run(() -> "late")).isInstanceOf(CancellationException.class);
        release.countDown();
        exit.join();
        for (FutureTask<String> task : tasks) {
            assertThat(task.get()).isEqualTo("done");
        }
        assertThatThrownBy(() -> calls.run(() -> "later")).isInstanceOf(CancellationException.class);
    }

    private static String waited(CountDownLatch running, CountDownLatch release) throws InterruptedException {
        running.countDown();
        release.await();
        return "done";
    }

    /** Generates until the process is told to end. */
    static final class Endless {
        public static void main(String[] arguments) {
            ModelConfig config = ModelConfig.qwen2(4096, 128, 4, 4, 2, 32, 352, 128, 1e4, 1e-6, true, List.of(1));
            try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config,
                    new RandomWeights(config, 1, 0.05), OnnxRolloutSettings.forModel(config, 2, 120, 1)
                        .with(RefreshMode.IN_PLACE))) {
                int[] prompt = new int[60];
                for (int count = 0;; count++) {
                    engine.generate(List.of(new GenerationRequest(prompt, LongStream.range(0, 64).toArray())),
                            SamplingSettings.of(40, 1, count), new GenerationListener() {
                                @Override
                                public boolean token(int request, int completion, int token, float logprob) {
                                    if (completion == 40) {
                                        System.out.println("generating");
                                    }
                                    return true;
                                }
                            });
                }
            }
        }
    }

    @Test
    void shouldLetTheProcessEndInTheMiddleOfARun() throws IOException, InterruptedException {
        Path errors = directory.resolve("crash.log");
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1", "-XX:ErrorFile=" + errors,
                Endless.class.getName());
        // not among the arguments: ONNX Runtime 1.29 overflows its stack when the command line is very long
        builder.environment()
            .put("CLASSPATH",
                    System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
        Process process = builder.redirectErrorStream(true).start();
        StringBuilder log = new StringBuilder();
        try (BufferedReader output = process.inputReader()) {
            assertThat(output.lines().peek(line -> log.append(line).append('\n')).anyMatch("generating"::equals))
                .as(log.toString())
                .isTrue();
            process.destroy();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        // 128 + SIGTERM: the ordinary end; a crash would be 134
        assertThat(process.exitValue()).isEqualTo(143);
        assertThat(errors).doesNotExist();
    }
}
