package dev.d3s.server.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

class DatasetTest {
    @TempDir
    Path directory;

    @Test
    void shouldReadRowsWithTheirMembers() throws IOException {
        Path file = write(
                """
                        {"prompt":"1+1=","answer":"2","level":3,"share":0.1,"exact":0.1000000000000000055511151231257827,\
                        "huge":123456789012345678901234567890,"checked":true,"tags":["a",1,null],"source":{"page":7,"note":null},"gone":null}
                        """);
        try (Dataset dataset = Dataset.open(file, RowKind.PROMPT)) {
            DatasetRow row = dataset.row(0);

            assertThat(row.prompt()).isEqualTo("1+1=");
            assertThat(row.completion()).isNull();
            assertThat(row.item()).containsOnlyKeys("prompt", "answer", "level", "share", "exact", "huge", "checked",
                    "tags", "source")
                .containsEntry("answer", "2")
                .containsEntry("level", 3L)
                .containsEntry("share", 0.1)
                .containsEntry("exact", new BigDecimal("0.1000000000000000055511151231257827"))
                .containsEntry("huge", new BigDecimal("123456789012345678901234567890"))
                .containsEntry("checked", true)
                .containsEntry("source", Map.of("page", 7L));
            assertThat(row.item().get("tags")).isEqualTo(Arrays.asList("a", 1L, null));
        }
    }

    @Test
    void shouldPassOverBlankLinesAndKeepLineNumbers() throws IOException {
        Path file = write("\uFEFF{\"prompt\":\"a\"}\r\n\n  \t\r\n{\"prompt\":\"é\"}\n\n{\"prompt\":\"last\"}");
        try (Dataset dataset = Dataset.open(file, RowKind.PROMPT)) {
            assertThat(dataset.size()).isEqualTo(3);
            assertThat(dataset.row(0)).extracting(DatasetRow::line, DatasetRow::prompt).containsExactly(1, "a");
            assertThat(dataset.row(1)).extracting(DatasetRow::line, DatasetRow::prompt).containsExactly(4, "é");
            assertThat(dataset.row(2)).extracting(DatasetRow::line, DatasetRow::prompt).containsExactly(6, "last");
        }
    }

    @Test
    void shouldFindEveryRowOfAFileLongerThanOneBlock() throws IOException {
        StringBuilder text = new StringBuilder();
        for (int row = 0; row < 5000; row++) {
            text.append("{\"prompt\":\"").append(row).append("x".repeat(row % 97)).append("\"}\n");
        }
        text.append("{\"prompt\":\"").append("y".repeat(200_000)).append("\"}");
        try (Dataset dataset = Dataset.open(write(text.toString()), RowKind.PROMPT)) {
            assertThat(dataset.size()).isEqualTo(5001);
            for (int row = 0; row < 5000; row += 7) {
                assertThat(dataset.row(row).prompt()).isEqualTo(row + "x".repeat(row % 97));
                assertThat(dataset.row(row).line()).isEqualTo(row + 1);
            }
            assertThat(dataset.row(5000).prompt()).hasSize(200_000);
        }
    }

    @Test
    void shouldNameTheMalformedLine4711() throws IOException {
        List<String> lines = new ArrayList<>(Collections.nCopies(6000, "{\"prompt\":\"1+1=\"}"));
        lines.set(4710, "{\"prompt\":\"1+1=\"");
        Path file = directory.resolve("train.jsonl");
        Files.write(file, lines);

        assertThatThrownBy(() -> Dataset.open(file, RowKind.PROMPT))
            .isInstanceOfSatisfying(D3sException.class, failure -> {
                assertThat(failure.category()).isEqualTo(ErrorCategory.USER);
                assertThat(failure.code()).isEqualTo("invalid_row");
                assertThat(failure.text()).startsWith("train.jsonl, line 4711: The line is not one JSON value");
            });
    }

    @Test
    void shouldCollectTheFirstTwentyProblems() throws IOException {
        Path file = write("{\"prompt\":\"ok\"}\n" + "{\"question\":\"?\"}\n".repeat(30));

        assertThat(Dataset.check(file, RowKind.PROMPT)).hasSize(20)
            .first()
            .isEqualTo(new RowProblem(2,
                    "\"prompt\" is missing: give \"prompt\" as text, or \"messages\" as a list."));
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"prompt":"a"}                          | "completion" is missing: give "prompt" and "completion" as text
            {"prompt":7,"completion":"b"}           | "prompt" is a number: give
            {"prompt":"a","completion":["b"]}       | "completion" is a list: give
            {"prompt":"","completion":"b"}          | "prompt" is empty
            {"messages":[{"role":"user"}]}          | "messages[0].content" is missing: give
            {"messages":[{"role":"user","content":"a"}]} | "messages" has no answer to imitate
            {"messages":[{"role":"assistant","content":"a","weight":0}]} | "messages" has no answer to imitate
            {"messages":[{"role":"assistant","content":"a","weight":0.5}]} | "messages[0].weight" must be 0
            {"messages":[]}                         | "messages" is empty
            {"messages":"a"}                        | "messages" is a string: give
            {"messages":["a"]}                      | "messages[0]" is a string: a message is
            {"messages":[{"content":"a"}]}          | "messages[0].role" is missing
            {"messages":[{"role":"user","content":"a"}],"prompt":"b"} | give one of them
            {"messages":[{"role":"user","content":"a"}],"tools":["b"]} | "tools" must be a list of objects
            ["a"]                                   | this one is a list
            null                                    | this one is null
            {"prompt":"a","completion":"b"} {}      | The line is not one JSON value
            {"prompt":"a","prompt":"b"}             | Duplicate field 'prompt'
            {'prompt':'a'}                          | The line is not one JSON value
            """)
    void shouldSayWhatIsWrongWithARow(String row, String message) throws IOException {
        assertThat(Dataset.check(write(row), RowKind.PROMPT_AND_COMPLETION)).singleElement()
            .extracting(RowProblem::message)
            .asString()
            .contains(message);
    }

    @Test
    void shouldRefuseBytesThatAreNotUtf8AndEmptyFiles() throws IOException {
        Path file = directory.resolve("latin1.jsonl");
        Files.write(file, "{\"prompt\":\"caf\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1));
        assertThat(Dataset.check(file, RowKind.PROMPT)).singleElement()
            .extracting(RowProblem::message)
            .asString()
            .contains("not valid UTF-8");

        Path empty = write("\n \n");
        assertThatThrownBy(() -> Dataset.open(empty, RowKind.PROMPT)).hasMessageContaining("has no rows");
    }

    @Test
    void shouldNoticeThatTheFileChanged() throws IOException {
        Path file = write("{\"prompt\":\"a\"}\n{\"prompt\":\"b\"}\n");
        try (Dataset dataset = Dataset.open(file, RowKind.PROMPT)) {
            Files.writeString(file, "{\"prompt\":\"a\"}\n");

            assertThat(dataset.row(0).prompt()).isEqualTo("a");
            assertThatThrownBy(() -> dataset.row(1)).hasMessageContaining("changed at line 2");
        }
    }

    private Path write(String text) throws IOException {
        return Files.writeString(directory.resolve("rows.jsonl"), text);
    }
}
