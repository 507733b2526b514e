package dev.d3s.server.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import org.eclipse.microprofile.health.HealthCheckResponse;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.config.MemorySettings;
import dev.d3s.server.config.ModelSources;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.planning.ProcessMemory;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

class ServerConditionTest {
    private static final ServerCondition.Supplier FINE = Optional::empty;

    @TempDir
    Path home;

    private ServerSettings settings(long reserve) {
        return new ServerSettings(home, home.resolve("models"), null, 1, 1, "d3s", Duration.ofSeconds(1),
                Duration.ofSeconds(1), new ModelSources(List.of(), URI.create("https://hub"), null), List.of(), null,
                new MemorySettings(null, reserve));
    }

    private ServerCondition condition(ServerCondition.Supplier trackers, ServerCondition.Supplier webhooks,
            PluginRegistry plugins) {
        return new ServerCondition(settings(1 << 20), () -> 0, trackers, webhooks, plugins);
    }

    private static PluginRegistry plugins() {
        return new PluginRegistry(List.of());
    }

    @Test
    void shouldFindNothingWhereAllIsWell() {
        assertThat(condition(FINE, FINE, plugins()).findings()).doesNotContainKeys("memory", "integrations", "webhook",
                "plugins");
    }

    @Test
    void shouldRepeatWhatTrackersAndWebhooksSay() {
        assertThat(condition(() -> Optional.of("a tracker"), () -> Optional.of("a report"), plugins()).findings())
            .containsEntry("integrations", "a tracker")
            .containsEntry("webhook", "a report");
    }

    @Test
    void shouldSayWhenMemoryIsBelowItsReserve() {
        long resident = ProcessMemory.resident();
        ServerCondition little = new ServerCondition(settings(256 << 20), () -> resident + (100 << 20), FINE, FINE,
                plugins());
        assertThat(little.findings().getOrDefault("memory", "")).contains("less than d3s.memory.reserve (256 MiB)");
        ServerCondition enough = new ServerCondition(settings(256 << 20), () -> resident + (4L << 30), FINE, FINE,
                plugins());
        assertThat(enough.findings()).doesNotContainKey("memory");
    }

    @Test
    void shouldNameThePluginsThatDidNotLoad() throws IOException {
        Path directory = Files.createDirectory(home.resolve("plugins"));
        Files.writeString(directory.resolve("broken.jar"), "no jar");
        try (PluginRegistry plugins = PluginRegistry.discover(directory)) {
            assertThat(condition(FINE, FINE, plugins).findings().getOrDefault("plugins", "")).contains("broken.jar");
        }
    }

    @Test
    void shouldNotFailWhereTheDatabaseDoes() {
        assertThat(condition(() -> {
            throw new D3sException(ErrorCategory.INTERNAL, "database_error", "gone");
        }, FINE, plugins()).findings()).doesNotContainKey("integrations");
    }

    @Test
    void shouldStayReadyWhenDegraded() {
        HealthCheckResponse response = HealthChecks.degraded(Map.of("webhook", "1 report waits"));

        assertThat(response.getStatus()).isEqualTo(HealthCheckResponse.Status.UP);
        assertThat(response.getData()).get()
            .satisfies(data -> assertThat(data).containsEntry("degraded", true)
                .containsEntry("webhook", "1 report waits"));
        assertThat(HealthChecks.degraded(Map.of()).getData()).get()
            .satisfies(data -> assertThat(data).containsEntry("degraded", false));
    }

    @Test
    void shouldNotBeReadyWithoutAHomeToWriteTo() {
        assertThat(HealthChecks.home(home).getStatus()).isEqualTo(HealthCheckResponse.Status.UP);
        assertThat(home).isEmptyDirectory();
        assertThat(HealthChecks.home(home.resolve("gone")).getStatus()).isEqualTo(HealthCheckResponse.Status.DOWN);
    }
}
