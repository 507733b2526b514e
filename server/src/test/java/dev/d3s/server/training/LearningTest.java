package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.example.ArithmeticTask;
import dev.d3s.server.example.ExampleModels;

/** The claim of the project, small: a policy with a mediocre first skill becomes good on what D3S keeps. */
class LearningTest {
    @TempDir
    Path directory;

    @Test
    void shouldRaiseHeldOutAccuracyOnWhatD3sKeeps() throws Exception {
        Path base = directory.resolve("base");
        ExampleModels.arithmetic(base, 7);
        ArithmeticTask.TaskFiles files = ArithmeticTask.write(directory.resolve("data"), 7, 11_200, 2_000, 256);
        Training training = Runs.training();

        RecordingObserver supervised = new RecordingObserver(directory.resolve("supervised"));
        training.run(Runs.supervised(base, files, 350), supervised);
        List<Double> first = supervised.series(Metric.ACCURACY);
        RecordingObserver reinforcement = new RecordingObserver(directory.resolve("reinforcement"));
        TrainingTotals totals = training.run(Runs.reinforcement(supervised.checkpoint(350), files,
                Runs.reinforcement("d3s", 20, Runs.mathGrader())), reinforcement);
        List<Double> accuracy = reinforcement.series(Metric.ACCURACY);

        assertThat(first.getFirst()).as("random weights").isLessThan(0.02);
        assertThat(accuracy.getFirst()).as("after supervised").isBetween(0.05, 0.4);
        assertThat(accuracy.getLast()).as("after D3S").isGreaterThan(accuracy.getFirst() + 0.5);
        assertThat(totals.trainedTokens()).isLessThan(totals.generatedTokens() * 2 / 5);
    }
}
