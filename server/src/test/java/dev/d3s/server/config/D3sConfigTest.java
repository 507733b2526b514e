package dev.d3s.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

import org.junit.jupiter.api.Test;

import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.runtime.configuration.MemorySizeConverter;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;

class D3sConfigTest {
    private static D3sConfig config(Map<String, String> properties) {
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
                Duration.ofSeconds(15), Duration.ofSeconds(30)));
    }

    @Test
    void shouldMapEveryProperty() {
        D3sConfig config = config(Map.of("d3s.home", "/data/d3s", "d3s.models.directory", "/data/models",
                "d3s.plugins.directory", "/data/plugins", "d3s.files.limit", "200M", "d3s.events.heartbeat", "PT3S",
                "d3s.threads", "3", "d3s.plugins.timeout", "PT2M", "d3s.organization", "acme"));

        assertThat(config.toSettings()).isEqualTo(new ServerSettings(Path.of("/data/d3s"), Path.of("/data/models"),
                Path.of("/data/plugins"), 3, 200L << 20, "acme", Duration.ofSeconds(3), Duration.ofMinutes(2)));
    }

    @Test
    void shouldRefusePluginsWithoutTime() {
        D3sConfig config = config(Map.of("d3s.plugins.timeout", "PT0S"));

        assertThatThrownBy(config::toSettings)
            .hasMessage("d3s.plugins.timeout is PT0S but must be longer than nothing, such as PT30S.");
    }

    @Test
    void shouldRefuseZeroThreads() {
        D3sConfig config = config(Map.of("d3s.threads", "0"));

        assertThatThrownBy(config::toSettings).hasMessage("d3s.threads is 0 but must be at least 1.");
    }
}
