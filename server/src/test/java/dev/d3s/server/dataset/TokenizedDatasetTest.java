package dev.d3s.server.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.example.ExampleModels;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.Tokenizer;

class TokenizedDatasetTest {
    @TempDir
    Path directory;
    private ModelConfig config;
    private Path model;

    @BeforeEach
    void writeAModel() throws IOException {
        model = directory.resolve("model");
        config = ExampleModels.arithmetic(model, 1);
    }

    @Test
    void shouldEndCompletionsWithTheEndOfSequence() throws IOException {
        Path file = Files.writeString(directory.resolve("rows.jsonl"), "{\"prompt\":\"12\",\"completion\":\"34\"}\n");
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(model);
                TokenizedDataset dataset = TokenizedDataset.open(file, RowKind.PROMPT_AND_COMPLETION,
                        encoder(tokenizer, config), 34, 5)) {
            TokenizedRow row = dataset.rowAt(0);

            assertThat(row.prompt()).containsExactly(4, 5);
            assertThat(row.completion()).containsExactly(6, 7, 0);
        }
    }

    @Test
    void shouldNameRowsThatDoNotFitTheContext() throws IOException {
        String text = "{\"prompt\":\"" + "1".repeat(478) + "\"}\n\n{\"prompt\":\"" + "1".repeat(479) + "\"}\n";
        Path file = Files.writeString(directory.resolve("rows.jsonl"), text);
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(model)) {
            RowEncoder encoder = encoder(tokenizer, config);
            assertThat(TokenizedDataset.check(file, RowKind.PROMPT, encoder, 34).problems()).singleElement()
                .isEqualTo(new RowProblem(3, "The prompt has 479 tokens; with max_tokens 34 that is 513, more than"
                        + " the model's context of 512: shorten the prompt or lower max_tokens."));
            assertThatThrownBy(() -> TokenizedDataset.open(file, RowKind.PROMPT, encoder, 34, 5))
                .hasMessageStartingWith("rows.jsonl, line 3: The prompt has 479 tokens");
            assertThat(TokenizedDataset.check(file, RowKind.PROMPT, encoder, 33))
                .isEqualTo(new TokenizedDataset.Report(2, List.of(), 479, 0, 479));
        }
    }

    @Test
    void shouldNameCompletionsThatDoNotFitTheContext() throws IOException {
        String text = "{\"prompt\":\"1\",\"completion\":\"" + "1".repeat(511) + "\"}\n";
        Path file = Files.writeString(directory.resolve("rows.jsonl"), text);
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(model)) {
            assertThat(TokenizedDataset
                .check(file, RowKind.PROMPT_AND_COMPLETION, encoder(tokenizer, config), 0)
                .problems()).singleElement()
                .extracting(RowProblem::message)
                .asString()
                .contains("the completion 512 with its end");
        }
    }

    @Test
    void shouldGiveAResumedRunTheSameRows() throws IOException {
        StringBuilder text = new StringBuilder();
        IntStream.range(0, 50).forEach(row -> text.append("{\"prompt\":\"").append(row).append("\"}\n"));
        Path file = Files.writeString(directory.resolve("rows.jsonl"), text);
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(model);
                TokenizedDataset run = TokenizedDataset.open(file, RowKind.PROMPT, encoder(tokenizer, config), 8, 5);
                TokenizedDataset resumed = TokenizedDataset.open(file, RowKind.PROMPT, encoder(tokenizer, config), 8,
                        5)) {
            for (int step = 0; step < 4; step++) {
                run.next(step, 16);
            }

            assertThat(lines(resumed.next(4, 16))).isEqualTo(lines(run.next(4, 16)));
            assertThat(lines(run.next(3, 16)).get(2)).as("position 50 begins the second epoch")
                .isEqualTo(run.rowAt(50).row().line());
            assertThat(lines(run.first(3))).containsExactly(1, 2, 3);
            assertThat(run.first(99)).hasSize(50);
        }
    }

    @Test
    void shouldHoldRealText() throws IOException {
        String data = System.getenv("D3S_TEST_DATA");
        Assumptions.assumeTrue(data != null, "Set D3S_TEST_DATA to a directory with gsm8k/train.jsonl.");
        ObjectMapper json = new ObjectMapper();
        StringBuilder text = new StringBuilder();
        for (String line : Files.readAllLines(Path.of(data, "gsm8k", "train.jsonl"))) {
            var row = json.readTree(line);
            text.append(json.writeValueAsString(Map.of("prompt", row.path("question").asText() + "\n", "answer",
                    row.path("answer").asText())))
                .append('\n');
        }
        Path file = Files.writeString(directory.resolve("gsm8k.jsonl"), text);
        ModelConfig bytes = ExampleModels.bytes(directory.resolve("bytes"), 1);
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(directory.resolve("bytes"));
                Dataset dataset = Dataset.open(file, RowKind.PROMPT)) {
            assertThat(dataset.size()).isEqualTo(7473);
            assertThat(TokenizedDataset.check(file, RowKind.PROMPT, encoder(tokenizer, bytes), 32).problems())
                .isEmpty();
            assertThat(dataset.row(0).item().get("answer")).asString().endsWith("#### 72");
        }
    }

    @Test
    void shouldCountTheRowsOfAnotherFileThatHaveTheSamePrompt() throws IOException {
        Path training = Files.writeString(directory.resolve("training.jsonl"),
                "{\"prompt\":\"1\"}\n{\"prompt\":\"2\"}\n{\"prompt\":\"2\"}\n{\"prompt\":\"12\"}\n");
        Path validation = Files.writeString(directory.resolve("validation.jsonl"),
                "{\"prompt\":\"2\",\"answer\":\"other\"}\n{\"prompt\":\"21\"}\n{\"prompt\":\"1\"}\n{\"prompt\":\"2\"}\n");
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(model);
                TokenizedDataset one = TokenizedDataset.open(training, RowKind.PROMPT, encoder(tokenizer, config), 8,
                        5);
                TokenizedDataset other = TokenizedDataset.open(validation, RowKind.PROMPT, encoder(tokenizer, config),
                        8,
                        5)) {
            assertThat(one.overlap(other)).isEqualTo(3);
            assertThat(other.overlap(one)).isEqualTo(3);
        }
    }

    private static RowEncoder encoder(Tokenizer tokenizer, ModelConfig config) {
        return new RowEncoder(tokenizer, null, config, "the model");
    }

    private static List<Integer> lines(List<TokenizedRow> rows) {
        return rows.stream().map(row -> row.row().line()).toList();
    }
}
