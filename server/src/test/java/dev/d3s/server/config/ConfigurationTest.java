package dev.d3s.server.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigurationTest {
    private static final Map<String, String> NO_VARIABLES = Map.of("PATH", "/bin");

    private static Configuration of(Map<String, String> values) {
        return Configuration.check(values, values.keySet(), NO_VARIABLES);
    }

    @Test
    void shouldFindNothingWrongWithDefaults() {
        Configuration configuration = of(Map.of());

        assertThat(configuration.mistakes()).isEmpty();
        assertThat(configuration.warnings()).isEmpty();
        assertThat(configuration.config().home()).isEqualTo(Path.of(System.getProperty("user.home"), ".d3s"));
    }

    /** Values that are no numbers, numbers out of range, keys that do not exist, directories that are not there. */
    @Test
    void shouldFindMistakesOfAllKindsAtOnce(@TempDir Path directory) throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        Configuration configuration = of(Map.of("d3s.threads", "many", "d3s.serving.slots", "0", "d3s.serving.slot",
                "3", "d3s.files.limit", "5 elephants", "d3s.plugins.timeout", "-PT1S", "d3s.data.directory",
                directory.resolve("nowhere").toString(), "d3s.home", file.toString(), "d3s.serving.share", "all"));

        assertThat(configuration.mistakes()).containsExactlyInAnyOrder(
                "d3s.threads is 'many' but must be a whole number.",
                "d3s.serving.slots is 0 but must be at least 1.",
                "There is no setting d3s.serving.slot. Did you mean d3s.serving.slots?",
                "d3s.files.limit is '5 elephants' but must be a size such as 200M or 5G.",
                "d3s.plugins.timeout is PT-1S but must be longer than nothing, such as PT30S.",
                "d3s.data.directory is " + directory.resolve("nowhere")
                        + ", which is no directory: make it, or leave the setting out.",
                "d3s.home is " + file + ", which is no directory: name one, or one that is still to be made.",
                "d3s.serving.share is 'all' but must be a number.");
        // what can be read is there nevertheless
        assertThat(configuration.config().serving().slots()).isZero();
        assertThat(configuration.config().threads()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"D3S_HOM, D3S_HOME", "D3S_SERVING_SLOT, D3S_SERVING_SLOTS",
            "D3S_PLUGIN_DIRECTORY, D3S_PLUGINS_DIRECTORY"})
    void shouldNameTheVariableThatIsMeant(String variable, String meant) {
        Configuration configuration = Configuration.check(Map.of(), List.of(), Map.of(variable, "x"));

        assertThat(configuration.mistakes())
            .containsExactly("There is no setting " + variable + ". Did you mean " + meant + "?");
    }

    @ParameterizedTest
    @ValueSource(strings = {"D3S_JAVA_OPTIONS", "D3S_GRADER_KEY", "D3S_TEST_DATA", "D3S_SERVER_SERVICE_HOST",
            "D3S_PORT_8080_TCP_ADDR", "D3S_SERVICE_PORT_HTTP", "D3S_PORT", "HF_TOKEN"})
    void shouldLeaveOtherVariablesAlone(String variable) {
        Configuration configuration = Configuration.check(Map.of(), List.of(), Map.of(variable, "x"));

        assertThat(configuration.mistakes()).isEmpty();
        assertThat(configuration.warnings()).isEmpty();
    }

    @Test
    void shouldWarnOfVariablesThatResembleNothing() {
        Configuration configuration = Configuration.check(Map.of(), List.of(), Map.of("D3S_COLOUR_OF_THE_LOGO", "x"));

        assertThat(configuration.mistakes()).isEmpty();
        assertThat(configuration.warnings())
            .containsExactly("The environment variable D3S_COLOUR_OF_THE_LOGO is no setting of this server.");
    }

    @Test
    void shouldKeepSecretsToItself() {
        Configuration configuration = of(
                Map.of("d3s.webhooks.url", "https://example.org", "d3s.webhooks.secret", "topsecret", "d3s.hub.token",
                        "also secret"));

        assertThat(configuration.mistakes()).hasSize(2);
        assertThat(configuration.toString()).doesNotContain("topsecret").doesNotContain("also secret");
    }

    @Test
    void shouldTakeTheVariablesThatDefaultsReferTo() {
        Configuration configuration = Configuration.check(Map.of(), List.of(),
                Map.of("HF_ENDPOINT", "https://mirror.example.org"));

        assertThat(configuration.config().hub().endpoint()).hasHost("mirror.example.org");
    }

    @ParameterizedTest
    @CsvSource({"abc, abc, 0", "abc, acb, 1", "abc, ab, 1", "'', abc, 3", "kitten, sitting, 3",
            "d3s.home, d3s.hmoe, 1"})
    void shouldCountWhatToChange(String from, String to, int distance) {
        assertThat(Configuration.distance(from, to)).isEqualTo(distance);
        assertThat(Configuration.distance(to, from)).isEqualTo(distance);
    }
}
