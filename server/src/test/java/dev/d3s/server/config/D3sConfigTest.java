package dev.d3s.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.runtime.configuration.MemorySizeConverter;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;

class D3sConfigTest {
    @SafeVarargs
    private static D3sConfig config(Map<String, String>... parts) {
        Map<String, String> properties = new HashMap<>();
        for (Map<String, String> part : parts) {
            properties.putAll(part);
        }
        return new SmallRyeConfigBuilder().addDefaultInterceptors()
            .withSources(new PropertiesConfigSource(Map.of("user.home", "/home/someone"), "system", 50),
                    new PropertiesConfigSource(properties, "test", 100))
            .withConverter(MemorySize.class, 100, new MemorySizeConverter())
            .withMapping(D3sConfig.class)
            .build()
            .getConfigMapping(D3sConfig.class);
    }

    @Test
    void shouldHaveDefaults() {
        D3sConfig config = config(Map.of());

        assertThat(config.toSettings()).isEqualTo(new ServerSettings(Path.of("/home/someone/.d3s"),
                Path.of("/home/someone/.d3s/models"), null, Runtime.getRuntime().availableProcessors(), 5L << 30, "d3s",
                Duration.ofSeconds(15), Duration.ofSeconds(30),
                new ModelSources(List.of(), URI.create("https://huggingface.co"), null), List.of(), null,
                MemorySettings.DEFAULT));
        assertThat(config.toServing()).isEqualTo(new ServingSettings(32, 2L << 30, 1024, 0.125));
    }

    @Test
    void shouldMapEveryProperty() {
        D3sConfig config = config(Map.of("d3s.home", "/data/d3s", "d3s.models.directory", "/data/models",
                "d3s.plugins.directory", "/data/plugins", "d3s.files.limit", "200M", "d3s.events.heartbeat", "PT3S",
                "d3s.threads", "3", "d3s.plugins.timeout", "PT2M", "d3s.organization", "acme"),
                Map.of(
                        "d3s.models.allowed", "/data/others,/home/someone/.cache/huggingface", "d3s.hub.endpoint",
                        "https://hub.example.org/", "d3s.hub.token", "hf_secret", "d3s.network.allow",
                        "127.0.0.1:8000,judge:80", "d3s.data.directory", "/data/sets", "d3s.memory.limit",
                        "20G", "d3s.memory.reserve", "1G"));

        assertThat(config(Map.of("d3s.serving.slots", "8", "d3s.serving.memory", "512M", "d3s.serving.queue", "9",
                "d3s.serving.share", "0.25"))
            .toServing()).isEqualTo(new ServingSettings(8, 512L << 20, 9, 0.25));
        assertThat(config.toSettings()).isEqualTo(new ServerSettings(Path.of("/data/d3s"), Path.of("/data/models"),
                Path.of("/data/plugins"), 3, 200L << 20, "acme", Duration.ofSeconds(3), Duration.ofMinutes(2),
                new ModelSources(List.of(Path.of("/data/others"), Path.of("/home/someone/.cache/huggingface")),
                        URI.create("https://hub.example.org"), "hf_secret"),
                List.of("127.0.0.1:8000", "judge:80"), Path.of("/data/sets"),
                new MemorySettings(20L << 30, 1L << 30)));
    }

    @Test
    void shouldTakeTheVariablesOfOtherToolsWhereItsOwnAreAbsent() {
        Map<String, String> others = Map.of("HF_ENDPOINT", "https://mirror.example.org", "HF_TOKEN", "hf_other");

        ModelSources theirs = config(others).toSettings().modelSources();
        assertThat(theirs.endpoint()).isEqualTo(URI.create("https://mirror.example.org"));
        assertThat(theirs.token()).isEqualTo("hf_other");

        ModelSources ours = config(others,
                Map.of("d3s.hub.endpoint", "https://hub.example.org", "d3s.hub.token", "hf_ours"))
            .toSettings()
            .modelSources();
        assertThat(ours.endpoint()).isEqualTo(URI.create("https://hub.example.org"));
        assertThat(ours.token()).isEqualTo("hf_ours");
    }

    @Test
    void shouldKeepTheTokenOutOfEveryText() {
        ServerSettings settings = config(Map.of("d3s.hub.token", "hf_secret")).toSettings();
        assertThat(settings.toString()).contains("token=given").doesNotContain("hf_secret");

        assertThatThrownBy(() -> config(Map.of("d3s.hub.token", "hf_secret\nX-Other: 1")).toSettings())
            .hasMessageContaining("d3s.hub.token has spaces or special characters")
            .hasMessageNotContaining("hf_secret");
    }

    @Test
    void shouldRefusePluginsWithoutTime() {
        D3sConfig config = config(Map.of("d3s.plugins.timeout", "PT0S"));

        assertThatThrownBy(config::toSettings)
            .hasMessage("d3s.plugins.timeout is PT0S but must be longer than nothing, such as PT30S.");
    }

    @ParameterizedTest
    @CsvSource({"slots, 0, must be at least 1", "memory, 1K, must be at least 1M", "queue, 0, must be at least 1",
            "share, 0.6, must lie between 0 and 0.5"})
    void shouldRefuseServingWithoutRoom(String key, String value, String words) {
        D3sConfig config = config(Map.of("d3s.serving." + key, value));

        assertThatThrownBy(config::toServing).hasMessageStartingWith("d3s.serving." + key).hasMessageContaining(words);
    }

    @Test
    void shouldRefuseAllowedAddressesWithoutAPort() {
        for (String address : List.of("127.0.0.1", "http://judge:80", "judge:", "a b:80")) {
            D3sConfig mistaken = config(Map.of("d3s.network.allow", address));
            assertThatThrownBy(mistaken::toSettings).hasMessage("d3s.network.allow has '" + address
                    + "' but must list addresses such as 127.0.0.1:8000, separated by commas.");
        }
        assertThat(config(Map.of("d3s.network.allow", "::1:80")).toSettings().allowedAddresses())
            .containsExactly("::1:80");
    }

    @Test
    void shouldRefuseZeroThreads() {
        D3sConfig config = config(Map.of("d3s.threads", "0"));

        assertThatThrownBy(config::toSettings).hasMessage("d3s.threads is 0 but must be at least 1.");
    }
}
