package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.wiring.OnnxTorchEngines;

/** Runs beside each other in one process, with other numbers of threads, have the numbers that each has alone. */
class ConcurrentRunsTest {
    private static final int STEPS = 4;

    private static Training training(int threads) {
        return new EngineTraining(
                new FixedRefresh(new OnnxTorchEngines(threads), RefreshMode.IN_PLACE, new ArrayList<>()),
                new TestPlugins().registry());
    }

    @Test
    void shouldHaveTheSameNumbersAsAlone(@TempDir Path directory) throws Exception {
        ShortRuns runs = new ShortRuns(directory);
        List<TrainingRequest> requests = List.of(runs.reinforcement(ShortRuns.settings(STEPS).build()),
                runs.supervised(STEPS, null));
        List<RecordingObserver> alone = new ArrayList<>();
        for (int run = 0; run < requests.size(); run++) {
            RecordingObserver observer = new RecordingObserver(directory.resolve("alone-" + run));
            training(1 + run).run(requests.get(run), observer);
            alone.add(observer);
        }

        List<RecordingObserver> beside = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(requests.size())) {
            List<Future<TrainingTotals>> ends = new ArrayList<>();
            for (int run = 0; run < requests.size(); run++) {
                int index = run;
                RecordingObserver observer = new RecordingObserver(directory.resolve("beside-" + run));
                beside.add(observer);
                ends.add(threads.submit(() -> training(1 + index).run(requests.get(index), observer)));
            }
            for (Future<TrainingTotals> end : ends) {
                end.get();
            }
        }

        for (int run = 0; run < requests.size(); run++) {
            assertThat(timeless(beside.get(run))).hasSizeGreaterThanOrEqualTo(STEPS)
                .isEqualTo(timeless(alone.get(run)));
            assertThat(beside.get(run).checkpoint(STEPS).resolve("model.safetensors"))
                .hasSameBinaryContentAs(alone.get(run).checkpoint(STEPS).resolve("model.safetensors"));
        }
    }

    /** Everything but time. */
    private static List<Map<String, Double>> timeless(RecordingObserver run) {
        List<Map<String, Double>> timeless = new ArrayList<>();
        for (StepReport report : run.reports) {
            Map<String, Double> metrics = new TreeMap<>(report.metrics());
            metrics.keySet().removeIf(name -> name.startsWith("seconds_") || name.equals("tokens_per_second"));
            timeless.add(metrics);
        }
        return timeless;
    }
}
