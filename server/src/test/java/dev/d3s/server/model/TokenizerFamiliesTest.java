package dev.d3s.server.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * Tokenizers with the normalizer, pre-tokenizer, decoder and post-processor of each family, compared with what Python's tokenizers and transformers
 * find; {@code server/src/interop/tokenizer_layouts.py} wrote both.
 */
class TokenizerFamiliesTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"qwen2", "llama3", "llama2", "mistral"})
    void shouldFindWhatPythonFinds(String family) throws IOException {
        try (Tokenizer tokenizer = open(family); InputStream file = resource(family + "/expected.json")) {
            JsonNode rows = JSON.readTree(file);
            assertThat(rows).hasSizeGreaterThan(20);
            for (JsonNode row : rows) {
                String text = row.get("text").asText();
                int[] ids = ids(row.get("ids"));
                assertThat(tokenizer.encode(text)).as(text).containsExactly(ids);
                assertThat(tokenizer.encodePrompt(text)).as(text).containsExactly(ids(row.get("prompt")));
                assertThat(tokenizer.decode(ids)).as(text).isEqualTo(row.get("decoded").asText());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen2", "llama3", "llama2", "mistral"})
    void shouldKeepTheTextOfAContinuation(String family) throws IOException {
        try (Tokenizer tokenizer = open(family)) {
            for (String text : List.of("4", " 4", "  4", "\n4", " ", "The answer is 4.", " naïve 你好 😀",
                    "x = [1,\n  2]\n", "")) {
                int[] ids = tokenizer.encodeContinuation(text);
                assertThat(tokenizer.decodeContinuation(ids)).as(text).isEqualTo(text);
                // behind another text it says the same
                List<Integer> both = new ArrayList<>();
                for (int id : tokenizer.encode("Q: 2+2=")) {
                    both.add(id);
                }
                for (int id : ids) {
                    both.add(id);
                }
                assertThat(tokenizer.decode(both.stream().mapToInt(Integer::intValue).toArray()))
                    .isEqualTo("Q: 2+2=" + text);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"qwen2,0", "llama3,1", "llama2,1", "mistral,1"})
    void shouldBeginAPromptOnceAsTheFamilyDoes(String family, int beginning) throws IOException {
        try (Tokenizer tokenizer = open(family)) {
            assertThat(tokenizer.encodePrompt("x")).hasSize(tokenizer.encode("x").length + beginning);
        }
    }

    private Tokenizer open(String family) throws IOException {
        Path target = directory.resolve("tokenizer.json");
        try (InputStream file = resource(family + "/tokenizer.json")) {
            Files.write(target, file.readAllBytes());
        }
        return JsonTokenizer.open(target);
    }

    private static InputStream resource(String name) {
        return Objects.requireNonNull(TokenizerFamiliesTest.class.getResourceAsStream("/tokenizers/" + name));
    }

    private static int[] ids(JsonNode list) {
        int[] ids = new int[list.size()];
        for (int index = 0; index < ids.length; index++) {
            ids[index] = list.get(index).asInt();
        }
        return ids;
    }
}
