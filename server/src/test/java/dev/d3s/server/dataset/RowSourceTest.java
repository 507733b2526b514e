package dev.d3s.server.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.spi.D3sException;

/** Compressed files and Parquet; {@code server/src/interop/parquet_files.py} wrote the Parquet files with pyarrow. */
class RowSourceTest {
    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"snappy", "zstd", "gzip", "none"})
    void shouldReadParquetOfEveryUsualCompression(String compression) throws IOException {
        Path file = copy(compression + ".parquet", "rows.bin");
        try (Dataset dataset = Dataset.open(file, RowKind.PROMPT)) {
            assertThat(dataset.size()).isEqualTo(40);
            DatasetRow row = dataset.row(23);
            assertThat(row.line()).isEqualTo(24);
            assertThat(row.prompt()).isEqualTo("23+23=");
            assertThat(row.item()).containsEntry("answer", "46")
                .containsEntry("level", 23L)
                .containsEntry("score", 5.75)
                .containsEntry("right", false)
                .containsEntry("tags", List.of("a", "ö"));
            assertThat(dataset.row(3).item()).as("a member without value").doesNotContainKey("level");
            assertThat(left()).as("nothing but the file itself").containsExactly("rows.bin");
        }
    }

    @Test
    void shouldReadNestedColumnsOfParquet() throws IOException {
        Path file = copy("messages.parquet", "chat");
        try (Dataset dataset = Dataset.open(file, RowKind.PROMPT_AND_COMPLETION)) {
            Conversation conversation = Objects.requireNonNull(dataset.row(2).conversation());
            assertThat(conversation.messages()).hasSize(3);
            assertThat(conversation.messages().get(1)).containsEntry("content", "2+1? 你好").hasSize(2);
            assertThat(conversation.messages().get(2)).containsKey("tool_calls");
            assertThat(dataset.row(4).item()).containsEntry("completion", "5")
                .containsEntry("day", "2026-01-02");
        }
    }

    @Test
    void shouldReadGzipWhateverTheName() throws IOException {
        Path file = gzip("rows.jsonl", "{\"prompt\":\"a\"}\n\n{\"prompt\":\"b\"}\n".getBytes(StandardCharsets.UTF_8));
        try (Dataset dataset = Dataset.open(file, RowKind.PROMPT)) {
            assertThat(dataset.size()).isEqualTo(2);
            assertThat(dataset.row(1).prompt()).isEqualTo("b");
            assertThat(dataset.row(1).line()).isEqualTo(3);
            assertThat(left()).containsExactly("rows.jsonl");
        }
        byte[] parquet = Files.readAllBytes(copy("zstd.parquet", "p"));
        try (Dataset dataset = Dataset.open(gzip("p.gz", parquet), RowKind.PROMPT)) {
            assertThat(dataset.size()).isEqualTo(40);
        }
    }

    @Test
    void shouldNameWhereDamagedFilesEnd() throws IOException {
        StringBuilder rows = new StringBuilder();
        for (int row = 0; row < 20_000; row++) {
            rows.append("{\"prompt\":\"").append(Integer.toHexString(row * 0x9E3779B9)).append("\"}\n");
        }
        byte[] whole = Files.readAllBytes(gzip("whole", rows.toString().getBytes(StandardCharsets.UTF_8)));
        Path cut = Files.write(directory.resolve("cut.gz"), Arrays.copyOf(whole, whole.length / 2));
        assertThat(Dataset.check(cut, RowKind.PROMPT)).isNotEmpty().last().satisfies(problem -> {
            assertThat(problem.message()).contains("The gzip data ends or is damaged here");
            assertThat(problem.line()).isGreaterThan(1000);
        });
        Path twice = gzip("twice", whole);
        assertThatThrownBy(() -> Dataset.open(twice, RowKind.PROMPT)).hasMessageContaining("compressed twice");

        byte[] parquet = Files.readAllBytes(copy("snappy.parquet", "good"));
        Path broken = Files.write(directory.resolve("broken"), Arrays.copyOf(parquet, parquet.length / 2));
        assertThatThrownBy(() -> Dataset.open(broken, RowKind.PROMPT))
            .hasMessageContaining("broken cannot be read as Parquet");
        assertThat(left()).noneMatch(name -> name.startsWith(".rows"));
    }

    /** Some kilobytes of nothing unpack to 64 MB. */
    @Test
    void shouldRefuseAFileThatUnpacksToMuchMoreThanItself() throws IOException {
        Path bomb = gzip("bomb.gz", new byte[64 << 20]);
        assertThat(Files.size(bomb)).isLessThan(100_000);
        assertThatThrownBy(() -> RowSource.open(bomb, 1 << 20)).isInstanceOf(D3sException.class)
            .hasMessageContaining("bomb.gz unpacks to more than")
            .hasMessageContaining("200 times its own size");
        assertThat(left()).containsExactly("bomb.gz");
    }

    /** Values that a column repeats cost a Parquet file nothing. */
    @Test
    void shouldRefuseParquetThatUnpacksToMuchMoreThanItself() throws IOException {
        Path file = copy("zstd.parquet", "rows.parquet");
        assertThatThrownBy(() -> RowSource.open(file, -200 * Files.size(file) + 100)).isInstanceOf(D3sException.class)
            .hasMessageContaining("rows.parquet unpacks to more than 100 bytes");
        assertThat(left()).containsExactly("rows.parquet");
    }

    /** Wherever a file lies about itself, it is its own rows that cannot be read, and nothing else. */
    @Test
    void shouldSurviveParquetWithAnyByteChanged() throws IOException {
        byte[] whole = Files.readAllBytes(copy("snappy.parquet", "whole"));
        java.util.Random random = new java.util.Random(7);
        for (int trial = 0; trial < 60; trial++) {
            byte[] damaged = whole.clone();
            for (int change = 0; change <= trial % 3; change++) {
                damaged[4 + random.nextInt(damaged.length - 4)] = (byte) random.nextInt();
            }
            Path file = Files.write(directory.resolve("damaged"), damaged);
            try {
                ParquetRows.write(file, OutputStream.nullOutputStream(), Duration.ofMillis(500));
            } catch (D3sException known) {
                assertThat(known.text()).contains("damaged");
            }
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
        }
    }

    @Test
    void shouldRefuseRowsThatAreMeantToCostMuch() throws IOException {
        String deep = "{\"prompt\":\"a\",\"x\":" + "[".repeat(5000) + "]".repeat(5000) + "}";
        StringBuilder wide = new StringBuilder("{\"prompt\":\"a\"");
        for (int member = 0; member < 600_000; member++) {
            wide.append(",\"m").append(member).append("\":0");
        }
        String number = "{\"prompt\":\"a\",\"x\":" + "9".repeat(100_000) + "}";
        String twice = "{\"prompt\":\"a\",\"prompt\":\"b\"}";
        String huge = "{\"prompt\":\"a\",\"x\":1e999999999,\"y\":-1e-999999999}";
        Path file = Files.writeString(directory.resolve("rows.jsonl"),
                String.join("\n", deep, wide.append('}'), number, twice, huge));
        assertThat(Dataset.check(file, RowKind.PROMPT)).extracting(RowProblem::line).containsExactly(1, 2, 3, 4);
    }

    /** 100 MB of rows, packed; what stays allocated after a walk is the index, and what is read again is one row. */
    @Test
    void shouldNeedLittleMemoryForALargeFile() throws IOException {
        Path file = directory.resolve("large.jsonl.gz");
        String filler = "x".repeat(10_000);
        int rows = 10_000;
        try (OutputStream output = new GZIPOutputStream(Files.newOutputStream(file), 1 << 16) {
            {
                def.setLevel(1);
            }
        }) {
            for (int row = 0; row < rows; row++) {
                output.write(("{\"prompt\":\"" + row + "\",\"text\":\"" + filler + "\"}\n")
                    .getBytes(StandardCharsets.UTF_8));
            }
        }
        long before = used();
        try (Dataset dataset = Dataset.open(file, RowKind.PROMPT)) {
            assertThat(dataset.size()).isEqualTo(rows);
            assertThat(used() - before).as("bytes held for 100 MB of rows").isLessThan(20L << 20);
            assertThat(dataset.row(rows - 1).prompt()).isEqualTo(String.valueOf(rows - 1));
            assertThat(dataset.row(0).prompt()).isEqualTo("0");
        }
    }

    private static long used() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    private List<String> left() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> String.valueOf(file.getFileName())).toList();
        }
    }

    private Path copy(String resource, String name) throws IOException {
        Path file = directory.resolve(name);
        try (InputStream input = Objects
            .requireNonNull(RowSourceTest.class.getResourceAsStream("/datasets/" + resource))) {
            Files.write(file, input.readAllBytes());
        }
        return file;
    }

    private Path gzip(String name, byte[] content) throws IOException {
        Path file = directory.resolve(name);
        try (OutputStream output = new GZIPOutputStream(Files.newOutputStream(file))) {
            output.write(content);
        }
        return file;
    }
}
