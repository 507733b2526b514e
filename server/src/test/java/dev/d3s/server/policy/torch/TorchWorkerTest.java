package dev.d3s.server.policy.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.spi.D3sException;

class TorchWorkerTest {
    @TempDir
    Path directory;

    /** Trains until the process is told to end. */
    static final class Endless {
        public static void main(String[] arguments) {
            ModelConfig config = ModelConfig.qwen2(4096, 64, 4, 4, 2, 16, 176, 128, 1e4, 1e-6, true, List.of(0));
            try (TorchPolicy policy = TorchPolicy.open(config, RandomWeights.of(config, 1),
                    TorchPolicySettings.forModel(config, 2))) {
                var sequences = new RandomSequences(config, 1).withoutReference().of(64, 16, 100);
                for (int count = 0;; count++) {
                    policy.update(sequences, new Objective.ClippedRatio(0.2, 0.2, 0, 2, 1), OptimizerStep.of(1e-4));
                    if (count == 1) {
                        System.out.println("training");
                    }
                }
            }
        }
    }

    @Test
    void shouldLetTheProcessEndInTheMiddleOfAnUpdate() throws IOException, InterruptedException {
        Path errors = directory.resolve("crash.log");
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-XX:ErrorFile=" + errors, "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                Endless.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
        try (BufferedReader output = process.inputReader()) {
            assertThat(output.lines().anyMatch("training"::equals)).isTrue();
            process.destroy();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        // 128 + SIGTERM: the ordinary end; a crash would be 134
        assertThat(process.exitValue()).isEqualTo(143);
        assertThat(errors).doesNotExist();
    }

    @Test
    void shouldWaitForTheRunningCallAndCancelTheRest() throws InterruptedException {
        try (NDManager started = TorchRuntime.newManager(); TorchWorker worker = new TorchWorker("worker", 1)) {
            assertThat(started.isOpen()).isTrue();
            CountDownLatch running = new CountDownLatch(1);
            CountDownLatch release = new CountDownLatch(1);
            CompletableFuture<Boolean> call = worker.submit(() -> {
                running.countDown();
                try {
                    return release.await(60, TimeUnit.SECONDS);
                } catch (InterruptedException e) {
                    return false;
                }
            });
            running.await();
            CompletableFuture<Boolean> queued = worker.submit(() -> true);
            Thread exit = new Thread(worker::finishBeforeExit);
            exit.start();
            assertThat(exit.join(Duration.ofMillis(50))).isFalse();
            release.countDown();
            exit.join();
            assertThat(call.join()).isTrue();
            // queued before the end was known, it is skipped all the same
            assertThatThrownBy(() -> TorchWorker.await(queued)).isInstanceOf(CancellationException.class);
            assertThatThrownBy(() -> worker.call(() -> true)).isInstanceOf(CancellationException.class);
        }
    }

    @Test
    void shouldPassOnWhatATaskThrows() {
        try (NDManager started = TorchRuntime.newManager(); TorchWorker worker = new TorchWorker("worker", 1)) {
            assertThat(started.isOpen()).isTrue();
            assertThatThrownBy(() -> worker.call(() -> {
                throw new IllegalArgumentException("mine");
            })).isInstanceOf(IllegalArgumentException.class).hasMessage("mine");
            assertThat(worker.call(() -> 7)).isEqualTo(7);
        }
    }

    @Test
    void shouldSayHowMuchMemoryThereIsNotAndGoOn() {
        try (NDManager manager = TorchRuntime.newManager(); TorchWorker worker = new TorchWorker("worker", 1)) {
            // more than a process can address
            assertThatThrownBy(() -> worker.call(() -> manager.zeros(new Shape(1L << 46))))
                .isInstanceOfSatisfying(D3sException.class, e -> {
                    assertThat(e.code()).isEqualTo("out_of_memory");
                    assertThat(e.text()).contains("when it asked for 268435456 MiB more");
                });
            assertThat(worker.call(() -> manager.zeros(new Shape(3)).toFloatArray())).containsExactly(0, 0, 0);
        }
    }

    @Test
    void shouldPassOnThatJavaHasNoMemory() {
        try (NDManager started = TorchRuntime.newManager(); TorchWorker worker = new TorchWorker("worker", 1)) {
            assertThat(started.isOpen()).isTrue();
            assertThatThrownBy(() -> worker.call(() -> {
                throw new OutOfMemoryError("mine");
            })).isInstanceOf(OutOfMemoryError.class).hasMessage("mine");
        }
    }
}
