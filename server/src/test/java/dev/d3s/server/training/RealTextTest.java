package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.dataset.RowEncoder;
import dev.d3s.server.dataset.RowKind;
import dev.d3s.server.dataset.TokenizedDataset;
import dev.d3s.server.example.ExampleModels;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.selection.Presets;

/**
 * Both methods on text that people wrote: GSM8K's training rows (arXiv 2110.14168), their own answers and the
 * {@code math} grader. The model is far too small to reason; what is tested is that real rows, lengths and numbers pass.
 */
class RealTextTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MAX_TOKENS = 64;
    private static final int PROMPTS = 16;
    private static final int GROUP_SIZE = 8;
    private static final int STEPS = 3;
    private static final long SEED = 5;

    @TempDir
    Path directory;

    private Path model;
    private ModelConfig config;
    private Path rows;
    private int taken;

    @BeforeEach
    void convert() throws IOException {
        String data = System.getenv("D3S_TEST_DATA");
        assumeThat(data).as("D3S_TEST_DATA names no directory with gsm8k/train.jsonl").isNotNull();
        Path source = Path.of(data, "gsm8k", "train.jsonl");
        assumeThat(source).as("D3S_TEST_DATA names no directory with gsm8k/train.jsonl").isRegularFile();
        model = directory.resolve("bytes");
        config = ExampleModels.bytes(model, 7);
        rows = directory.resolve("rows.jsonl");
        try (Stream<String> lines = Files.lines(source); BufferedWriter writer = Files.newBufferedWriter(rows)) {
            for (String line : (Iterable<String>) lines::iterator) {
                JsonNode row = JSON.readTree(line);
                String prompt = "Question: " + row.path("question").asText() + "\nAnswer:";
                String completion = " " + row.path("answer").asText();
                if (tokens(prompt) + Math.max(MAX_TOKENS, tokens(completion) + 1) > config.contextLength()) {
                    continue;
                }
                ObjectNode converted = JSON.createObjectNode();
                converted.put("prompt", prompt)
                    .put("completion", completion)
                    .put("answer", row.path("answer").asText());
                writer.write(JSON.writeValueAsString(converted));
                writer.newLine();
                taken++;
            }
        }
    }

    /** One token per byte. */
    private static int tokens(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    private TrainingRequest request(Path from, TrainingSettings settings) throws IOException {
        Path validation = directory.resolve("validation.jsonl");
        try (Stream<String> lines = Files.lines(rows)) {
            Files.write(validation, lines.limit(8).toList());
        }
        return new TrainingRequest(SEED, from, rows, validation, null, settings);
    }

    @Test
    void shouldTrainOnRealText() throws Exception {
        assertThat(taken).as("rows that fit").isGreaterThan(7000);
        Training training = Runs.training();

        RecordingObserver supervised = new RecordingObserver(directory.resolve("supervised"));
        training.run(request(model, new SupervisedSettings(12, 8, MAX_TOKENS, PolicySettings.DEFAULT,
                Runs.optimizer(3e-3, 4, 0.1),
                new EvaluationSettings(0, 8), CheckpointSettings.every(0), Runs.mathGrader())), supervised);
        List<Double> loss = supervised.series(Metric.VALIDATION_LOSS);
        // uniform over 258 bytes is ln 258 = 5.55; the frequencies of letters alone bring that far down
        assertThat(loss.getFirst()).isGreaterThan(5);
        assertThat(loss.getLast()).isLessThan(4);

        ReinforcementSettings settings = new ReinforcementSettings("d3s", STEPS, PROMPTS, GROUP_SIZE, MAX_TOKENS, 1,
                dev.d3s.server.advantage.Scale.GROUP, 1e-6, SelectionSettings.of(Presets.named("d3s").rollouts()),
                SelectionSettings.of(Presets.named("d3s").tokens()), ReinforcementSettings.TokenNorm.KEPT,
                ReinforcementSettings.EntropySource.ROLLOUT,
                new ObjectiveSettings(ObjectiveSettings.Name.GRPO, 0.2, 0.28, 0, 2), UpdateSettings.ONCE,
                Runs.mathGrader(), 10, PolicySettings.DEFAULT,
                Runs.optimizer(2e-4, 1, 0.1), new EvaluationSettings(0, 8), CheckpointSettings.every(0),
                new RecordingSettings(1, 2));
        RecordingObserver reinforcement = new RecordingObserver(directory.resolve("reinforcement"));
        TrainingTotals totals = training.run(request(supervised.checkpoint(12), settings), reinforcement);

        List<StepReport> steps = reinforcement.reports.stream().filter(report -> report.step() >= 0).toList();
        assertThat(steps).hasSize(STEPS);
        for (StepReport step : steps) {
            EnumSet<Metric> always = EnumSet.allOf(Metric.class);
            // reported by steps that evaluate
            always.removeAll(
                    Set.of(Metric.ACCURACY, Metric.ACCURACY_STANDARD_ERROR, Metric.VALIDATION_LOSS));
            for (Metric metric : always) {
                assertThat(step.metrics()).as("step " + step.step()).containsKey(metric.key());
            }
            assertThat(step.metrics().get(Metric.ENGINE_GAP_MAX.key())).isLessThan(1e-3);
            assertThat(step.metrics().get(Metric.UNGRADED_RATIO.key())).isZero();
            assertThat(step.metrics().get(Metric.ENTROPY.key())).isBetween(1.0, Math.log(config.vocabularySize()));
        }
        assertThat(reinforcement.series(Metric.SKIPPED)).as("some last number is right by chance").contains(0.0);
        assertThat(reinforcement.series(Metric.ENGINE_GAP_MAX)).as("measured").anyMatch(gap -> gap > 0);
        assertThat(totals.generatedTokens()).isGreaterThan((long) STEPS * PROMPTS * GROUP_SIZE * 10);
        assertThat(totals.trainedTokens()).isPositive().isLessThan(totals.generatedTokens());
        assertThat(raggedness()).as("longest over shortest prompt of a step").isGreaterThan(1.5);
    }

    /** The smallest ratio of longest to shortest prompt in the steps of the run. */
    private double raggedness() throws IOException {
        double smallest = Double.POSITIVE_INFINITY;
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(model);
                TokenizedDataset tokenized = TokenizedDataset.open(rows, RowKind.PROMPT,
                        new RowEncoder(tokenizer, null, config, "the model"), MAX_TOKENS, SEED)) {
            for (int step = 0; step < STEPS; step++) {
                int[] lengths = tokenized.next(step, PROMPTS)
                    .stream()
                    .mapToInt(row -> row.prompt().length)
                    .sorted()
                    .toArray();
                smallest = Math.min(smallest, (double) lengths[lengths.length - 1] / lengths[0]);
            }
        }
        return smallest;
    }
}
