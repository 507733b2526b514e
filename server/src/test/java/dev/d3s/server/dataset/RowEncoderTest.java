package dev.d3s.server.dataset;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.example.ExampleModels;
import dev.d3s.server.model.ChatTemplate;
import dev.d3s.server.model.JsonTokenizer;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Tokenizer;

/** Rows with messages, written by real models' templates and read by tokenizers of their families. */
class RowEncoderTest {
    private static final String SYSTEM = "{\"role\":\"system\",\"content\":\"Be brief.\"}";
    private static final String USER = "{\"role\":\"user\",\"content\":\"2+2? 你好\"}";
    private static final String ANSWER = "{\"role\":\"assistant\",\"content\":\"4\"}";

    @TempDir
    private Path directory;
    private ModelConfig config;
    private Tokenizer qwen;

    @BeforeEach
    void open() throws IOException {
        config = ExampleModels.arithmetic(directory.resolve("config"), 1);
        qwen = tokenizer("qwen2");
    }

    @AfterEach
    void close() {
        qwen.close();
    }

    @Test
    void shouldAskWithTheGenerationPrompt() throws IOException {
        TokenizedRow row = row(qwen2(), "[" + SYSTEM + "," + USER + "]", RowKind.PROMPT);
        String prompt = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2+2? 你好<|im_end|>\n<|im_start|>assistant\n";
        assertThat(row.row().prompt()).isEqualTo(prompt);
        assertThat(row.prompt()).isEqualTo(qwen.encode(prompt));
        assertThat(row.completion()).isNull();
    }

    @Test
    void shouldTakeTheLastAnswerAsTheReferenceOfAPrompt() throws IOException {
        TokenizedRow row = row(qwen2(), "[" + SYSTEM + "," + USER + "," + ANSWER + "]", RowKind.PROMPT);
        assertThat(row.row().prompt()).endsWith("2+2? 你好<|im_end|>\n<|im_start|>assistant\n");
        assertThat(row.row().item()).containsEntry("completion", "4");
    }

    @Test
    void shouldImitateTheAnswerToItsEnd() throws IOException {
        TokenizedRow row = row(qwen2(), "[" + USER + "," + ANSWER + "]", RowKind.PROMPT_AND_COMPLETION);
        int[] completion = Objects.requireNonNull(row.completion());
        assertThat(qwen.decode(row.prompt())).endsWith("user\n2+2? 你好\nassistant\n");
        assertThat(completion).as("the answer and what ends it, not the line break behind")
            .isEqualTo(qwen.encode("4<|im_end|>"));
        assertThat(row.imitatedTokens()).isEqualTo(completion.length);
    }

    @Test
    void shouldImitateEveryAnswerThatHasWeight() throws IOException {
        String more = "{\"role\":\"user\",\"content\":\"And 3+3?\"},{\"role\":\"assistant\",\"content\":\"six\"}";
        TokenizedRow both = row(qwen2(), "[" + USER + "," + ANSWER + "," + more + "]", RowKind.PROMPT_AND_COMPLETION);
        int[] completion = Objects.requireNonNull(both.completion());
        boolean[] imitated = Objects.requireNonNull(both.imitated());
        int[] kept = java.util.stream.IntStream.range(0, completion.length)
            .filter(token -> imitated[token])
            .map(token -> completion[token])
            .toArray();
        int[] first = qwen.encode("4<|im_end|>");
        int[] second = qwen.encode("six<|im_end|>");
        assertThat(Arrays.copyOf(kept, first.length)).isEqualTo(first);
        assertThat(Arrays.copyOfRange(kept, first.length, kept.length)).isEqualTo(second);
        assertThat(both.imitatedTokens()).isEqualTo(kept.length).isLessThan(completion.length);

        TokenizedRow last = row(qwen2(), "[" + USER + "," + ANSWER.replace("}", ",\"weight\":0}") + "," + more + "]",
                RowKind.PROMPT_AND_COMPLETION);
        assertThat(last.completion()).isEqualTo(second);
        assertThat(last.prompt()).hasSize(both.prompt().length + completion.length - second.length);
    }

    @Test
    void shouldNotBeginTwice() throws IOException {
        try (Tokenizer mistral = tokenizer("mistral")) {
            Path model = Files.createDirectory(directory.resolve("mistral-model"));
            Files.writeString(model.resolve("chat_template.jinja"),
                    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}");
            Files.writeString(model.resolve("tokenizer_config.json"),
                    "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}");
            RowEncoder encoder = new RowEncoder(mistral, ChatTemplate.open(model), config, "mistral");
            TokenizedRow chat = row(encoder, "[" + USER + "," + ANSWER + "]", RowKind.PROMPT_AND_COMPLETION);
            int beginning = mistral.encode("<s>")[0];
            assertThat(chat.prompt()[0]).isEqualTo(beginning);
            assertThat(chat.prompt()[1]).isNotEqualTo(beginning);
            assertThat(mistral.decodeContinuation(Objects.requireNonNull(chat.completion()))).isEqualTo(" 4");

            Path file = Files.writeString(directory.resolve("plain.jsonl"),
                    "{\"prompt\":\"2+2=\",\"completion\":\"4\"}");
            try (TokenizedDataset dataset = TokenizedDataset.open(file, RowKind.PROMPT_AND_COMPLETION, encoder, 0, 1)) {
                TokenizedRow plain = dataset.rowAt(0);
                assertThat(plain.prompt()[0]).isEqualTo(beginning);
                int[] completion = Objects.requireNonNull(plain.completion());
                assertThat(mistral.decodeContinuation(Arrays.copyOf(completion, completion.length - 1)))
                    .as("no blank that nobody wrote")
                    .isEqualTo("4");
            }
        }
    }

    @Test
    void shouldSayWhatKeepsARowFromBeingUsed() throws IOException {
        assertThat(problem(new RowEncoder(qwen, null, config, "/models/base"), "[" + USER + "]", RowKind.PROMPT))
            .contains("the model has no chat template: /models/base has neither chat_template.jinja");
        assertThat(problem(template("{{ raise_exception('Only one user message') }}"), "[" + USER + "]",
                RowKind.PROMPT))
            .contains("refuses these messages: Only one user message");
        assertThat(problem(template("{{ messages|length }}{% for m in messages %}{{ m.content }}{% endfor %}"),
                "[" + USER + "," + ANSWER + "]", RowKind.PROMPT_AND_COMPLETION))
            .contains("messages[1] cannot be told apart from what comes before it");
        assertThat(problem(template("{% for m in messages %}{{ m.content }}{% endfor %}"),
                "[{\"role\":\"user\",\"content\":\"ha\"},{\"role\":\"assistant\",\"content\":\"ve\"}]",
                RowKind.PROMPT_AND_COMPLETION))
            .contains("one token reaches over the border");
    }

    private String problem(RowEncoder encoder, String messages, RowKind kind) throws IOException {
        return TokenizedDataset.check(file(messages), kind, encoder, 0).problems().getFirst().message();
    }

    private TokenizedRow row(RowEncoder encoder, String messages, RowKind kind) throws IOException {
        try (TokenizedDataset dataset = TokenizedDataset.open(file(messages), kind, encoder, 0, 1)) {
            return dataset.rowAt(0);
        }
    }

    private Path file(String messages) throws IOException {
        return Files.writeString(directory.resolve("rows.jsonl"), "{\"messages\":" + messages + "}\n");
    }

    private RowEncoder qwen2() throws IOException {
        ModelConfig ending = withEnd(qwen.encode("<|im_end|>")[0]);
        return new RowEncoder(qwen, template("Qwen-Qwen2.5-7B-Instruct.jinja", null), ending, "qwen");
    }

    private RowEncoder template(String text) throws IOException {
        return new RowEncoder(qwen, template("", text), config, "model");
    }

    private ChatTemplate template(String resource, @Nullable String text) throws IOException {
        Path model = Files.createTempDirectory(directory, "model");
        if (text != null) {
            Files.writeString(model.resolve("chat_template.jinja"), text);
        } else {
            try (InputStream input = resource("/templates/" + resource)) {
                Files.write(model.resolve("chat_template.jinja"), input.readAllBytes());
            }
        }
        return Objects.requireNonNull(ChatTemplate.open(model));
    }

    private Tokenizer tokenizer(String family) throws IOException {
        Path file = directory.resolve(family + ".json");
        try (InputStream input = resource("/tokenizers/" + family + "/tokenizer.json")) {
            Files.write(file, input.readAllBytes());
        }
        return JsonTokenizer.open(file);
    }

    private static InputStream resource(String name) {
        return Objects.requireNonNull(RowEncoderTest.class.getResourceAsStream(name));
    }

    private static ModelConfig withEnd(int token) {
        return ModelConfig.qwen2(1024, 64, 1, 2, 2, 32, 64, 512, 10_000, 1e-6, true, List.of(token));
    }
}
