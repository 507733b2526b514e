package dev.d3s.server.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The committed example data are what the generator writes; to renew them, copy what this test writes. */
class ExamplesTest {
    private static final Path EXAMPLES = Path.of("..", "examples", "arithmetic");

    @TempDir
    Path directory;

    @Test
    void shouldHoldWhatTheGeneratorWrites() throws IOException {
        ArithmeticTask.TaskFiles files = ArithmeticTask.write(directory, 7, 800, 400, 200);
        for (Path file : List.of(files.supervised(), files.train(), files.heldOut())) {
            assertThat(EXAMPLES.resolve(file.getFileName())).hasSameTextualContentAs(file);
        }
    }
}
