package dev.d3s.server.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sqlite.util.LibraryLoaderUtil;

class SqliteLibraryTest {
    @TempDir
    Path cache;

    private static Path only(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.reduce((one, other) -> {
                throw new AssertionError("There is more than one file: " + one + ", " + other);
            }).orElseThrow();
        }
    }

    private Path unpacked() throws IOException {
        return only(Objects.requireNonNull(SqliteLibrary.unpacked(cache), "the driver has none for this machine"));
    }

    @Test
    void shouldUnpackWhatTheDriverHasOnce() throws IOException {
        Path file = unpacked();
        assertThat(file).hasFileName(LibraryLoaderUtil.getNativeLibName())
            .hasBinaryContent(Objects
                .requireNonNull(LibraryLoaderUtil.class
                    .getResourceAsStream(LibraryLoaderUtil.getNativeLibResourcePath() + "/" + file.getFileName()))
                .readAllBytes());
        Object written = Files.readAttributes(file, "unix:ino").get("ino");

        assertThat(unpacked()).isEqualTo(file);
        assertThat(Files.readAttributes(file, "unix:ino").get("ino")).as("the same file").isEqualTo(written);
    }

    @Test
    void shouldNotTakeWhatAnUnpackingThatWasInterruptedHasLeft() throws IOException {
        Path file = unpacked();
        byte[] whole = Files.readAllBytes(file);
        Files.delete(file);
        Path left = Files.write(file.resolveSibling(".1.tmp"), Arrays.copyOf(whole, whole.length / 2));

        assertThat(SqliteLibrary.unpacked(cache)).isEqualTo(file.getParent());
        assertThat(file).hasBinaryContent(whole);
        assertThat(left).exists();
    }
}
