package dev.d3s.server.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.example.TokenizerFiles;
import dev.d3s.spi.D3sException;

class JsonTokenizerTest {
    @TempDir
    Path directory;

    @Test
    void shouldEncodeOneTokenPerCharacter() throws IOException {
        TokenizerFiles.writeCharacters(directory, 256);
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(directory)) {
            String text = "343+706=3+6+0=09;4+0+0=04;3+7+0=10;1049";

            int[] tokens = tokenizer.encode(text);

            assertThat(tokens).hasSize(text.length()).startsWith(6, 7, 6, 13);
            assertThat(tokenizer.decode(tokens)).isEqualTo(text);
            assertThat(tokenizer.encode("")).isEmpty();
            assertThat(tokenizer.decode(new int[0])).isEmpty();
        }
    }

    @Test
    void shouldAddNoSpecialTokensAndLeaveThemOutOfText() throws IOException {
        TokenizerFiles.writeCharacters(directory, 256);
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(directory)) {
            assertThat(tokenizer.encode("1a2")).as("an unknown symbol is one token").containsExactly(4, 2, 5);
            assertThat(tokenizer.encode("1<|endoftext|>")).containsExactly(4, 0);
            assertThat(tokenizer.decode(new int[]{4, 0, 5, 1})).isEqualTo("12");
            assertThat(tokenizer.encode(" 1  = 2 \n")).as("white space is kept").hasSize(9);
            assertThat(tokenizer.decode(tokenizer.encode(" 1  = 2 . \n"))).isEqualTo(" 1  = 2 . \n");
        }
    }

    @Test
    void shouldNotTruncateALongText() throws IOException {
        TokenizerFiles.writeCharacters(directory, 256);
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(directory)) {
            assertThat(tokenizer.encode("7".repeat(5000))).hasSize(5000);
        }
    }

    @Test
    void shouldEncodeAnyTextAsBytes() throws IOException {
        TokenizerFiles.writeBytes(directory, 1024);
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(directory)) {
            for (String text : List.of("Natalia sold 48/2 = <<48/2=24>>24 clips.\n#### 72",
                    "  naïve café — 数学 🎲\t\r\n",
                    "\u0000\u0001\u007f\u00a0\u00ad")) {
                int[] tokens = tokenizer.encode(text);
                assertThat(tokens).hasSize(text.getBytes(StandardCharsets.UTF_8).length);
                assertThat(tokenizer.decode(tokens)).isEqualTo(text);
            }
            assertThat(tokenizer.encode("e\u0301")).as("normalized as Qwen2's tokenizer does")
                .isEqualTo(tokenizer.encode("\u00e9"));
        }
    }

    @Test
    void shouldKeepEveryWordOfRealText() throws IOException {
        String data = System.getenv("D3S_TEST_DATA");
        Assumptions.assumeTrue(data != null, "Set D3S_TEST_DATA to a directory with gsm8k/train.jsonl.");
        TokenizerFiles.writeBytes(directory, 1024);
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(directory)) {
            List<String> lines = Files.readAllLines(Path.of(data, "gsm8k", "train.jsonl"));
            assertThat(lines).hasSizeGreaterThan(7000);
            for (String line : lines.subList(0, 500)) {
                assertThat(tokenizer.decode(tokenizer.encode(line))).isEqualTo(line);
            }
        }
    }

    @Test
    void shouldServeSeveralThreads() throws Exception {
        TokenizerFiles.writeBytes(directory, 1024);
        try (Tokenizer tokenizer = ModelDirectory.tokenizer(directory);
                ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<Boolean>> results = new ArrayList<>();
            for (int thread = 0; thread < 4; thread++) {
                String text = ("thread " + thread + " ").repeat(10 + thread);
                results.add(threads.submit(() -> {
                    boolean same = true;
                    for (int round = 0; round < 300; round++) {
                        same &= tokenizer.decode(tokenizer.encode(text)).equals(text);
                    }
                    return same;
                }));
            }
            for (Future<Boolean> result : results) {
                assertThat(result.get()).isTrue();
            }
        }
    }

    @Test
    void shouldSayWhatIsWrongWithAFile() throws IOException {
        Path file = directory.resolve("tokenizer.json");
        Files.writeString(file, "{\"version\": \"1.0\"}");

        assertThatThrownBy(() -> JsonTokenizer.open(file)).isInstanceOf(D3sException.class)
            .hasMessageContaining(file.toString())
            .hasMessageContaining("tokenizers library");
    }
}
