package dev.d3s.server.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CompareOptionsTest {
    @TempDir
    Path directory;

    @Test
    void shouldHaveDefaults() {
        CompareOptions options = CompareOptions.parse();

        assertThat(options.variants()).isEmpty();
        assertThat(options.firstSeed()).isZero();
        assertThat(options.seeds()).isEqualTo(3);
        assertThat(options.steps()).isEqualTo(48);
        assertThat(options.learningRate()).isEqualTo(2e-4);
        assertThat(options.start()).isEqualTo(ArithmeticStart.USUAL);
        assertThat(options.report()).isNull();
    }

    @Test
    void shouldReadEveryOption() {
        Path page = directory.resolve("out.html");
        CompareOptions options = CompareOptions.parse("--presets", "d3s,d3s-i:tokens=0.2-0.5", "--seeds=2", "--seed",
                "7", "--steps", "12", "--start=weak", "--learning-rate=1e-4", "--report", page.toString());

        assertThat(options.variants()).extracting(Variant::name)
            .containsExactly("grpo", "d3s", "d3s-i:tokens=0.2-0.5");
        assertThat(options.firstSeed()).isEqualTo(7);
        assertThat(options.seeds()).isEqualTo(2);
        assertThat(options.steps()).isEqualTo(12);
        assertThat(options.learningRate()).isEqualTo(1e-4);
        assertThat(options.start()).isEqualTo(ArithmeticStart.WEAK);
        assertThat(options.report()).isEqualTo(page);
    }

    @Test
    void shouldStartFurtherBackWithMoreSteps() {
        CompareOptions weak = CompareOptions.parse("--start", "weak");

        assertThat(weak.steps()).isEqualTo(80);
        assertThat(weak.learningRate()).isEqualTo(3e-4);
    }

    @Test
    void shouldLeaveTheBaselineWhereItIs() {
        assertThat(CompareOptions.parse("--presets=d3s,grpo").variants()).extracting(Variant::name)
            .containsExactly("d3s", "grpo");
        assertThat(CompareOptions.parse("--presets=grpo:optimizer.beta1=0.8").variants()).extracting(Variant::name)
            .containsExactly("grpo", "grpo:optimizer.beta1=0.8");
    }

    @Test
    void shouldReadWhatTheReadmeShows() throws IOException {
        String readme = Files.readString(Path.of("..", "README.md"));
        List<String> changed = Pattern.compile("^\\| `(d3s(?:-i)?:[^`]+)` ", Pattern.MULTILINE)
            .matcher(readme)
            .results()
            .map(match -> match.group(1))
            .distinct()
            .toList();
        // those that explain the notation, and rows of results
        assertThat(changed).hasSizeGreaterThan(3).contains("d3s:tokens=0.2", "d3s-i:tokens.norm=all");
        assertThat(CompareOptions.parse("--presets", String.join(",", changed)).variants())
            .hasSize(1 + changed.size());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            --preset=grpo       | There is no option --preset.
            --presets=          | --presets needs a value.
            --seeds=0           | --seeds must be a whole number from 1 to 1000, not "0".
            --seed=-1           | --seed must be a whole number from 0 to 9007199254739992, not "-1".
            --steps=1e3         | --steps must be a whole number from 1 to 1000000, not "1e3".
            --start=poor        | --start must be usual or weak, not "poor".
            --learning-rate=0   | --learning-rate must be a number above 0 and up to 10, not "0".
            --learning-rate=NaN | --learning-rate must be a number above 0 and up to 10, not "NaN".
            --report=out.csv    | --report must end in .html: the tables FILE.csv, FILE-runs.csv and FILE-steps.csv are written beside FILE.html.
            --report=/no-such-directory/out.html | --report: /no-such-directory is no directory that can be written to.
            """)
    void shouldSayWhatMakesNoSense(String argument, String message) {
        assertThatThrownBy(() -> CompareOptions.parse(argument)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage(message);
    }
}
