package dev.d3s.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

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

    /** Every default in one place: changing one is a decision. */
    private static final String DEFAULTS = """
            d3s.access.anonymous=false
            d3s.audit.retention=P365D
            d3s.cluster.heartbeat=PT10S
            d3s.cluster.name=
            d3s.data.directory=
            d3s.datasource.connections=16
            d3s.datasource.password=
            d3s.datasource.url=
            d3s.datasource.username=
            d3s.events.heartbeat=PT15S
            d3s.events.streams=1000
            d3s.files.checked-at-once=64M
            d3s.files.limit=5G
            d3s.home=${user.home}/.d3s
            d3s.hub.endpoint=${HF_ENDPOINT:https://huggingface.co}
            d3s.hub.token=${HF_TOKEN:}
            d3s.jobs.concurrent=1
            d3s.jobs.half-life=PT24H
            d3s.limits.disk=
            d3s.limits.queued-evals=
            d3s.limits.queued-jobs=
            d3s.limits.running-jobs=
            d3s.limits.tokens-a-day=
            d3s.log.format=text
            d3s.memory.limit=
            d3s.memory.reserve=256M
            d3s.models.allowed=
            d3s.models.directory=
            d3s.network.allow=
            d3s.oidc.admin-role=d3s-admin
            d3s.oidc.organization-claim=organization
            d3s.organization=d3s
            d3s.plugins.directory=
            d3s.plugins.timeout=PT30S
            d3s.requests.limit=16M
            d3s.requests.patience=PT60S
            d3s.serving.memory=2G
            d3s.serving.queue=1024
            d3s.serving.share=0.125
            d3s.serving.slots=32
            d3s.threads=
            d3s.webhooks.patience=P3D
            d3s.webhooks.secret=
            d3s.webhooks.url=
            """;

    /** Every setting with a value that is not its default. */
    private static final Map<String, String> OTHERS = Map.ofEntries(Map.entry("d3s.home", "/data/d3s"),
            Map.entry("d3s.models.directory", "/data/models"),
            Map.entry("d3s.models.allowed", "/data/others,/home/someone/.cache/huggingface"),
            Map.entry("d3s.hub.endpoint", "https://hub.example.org/"), Map.entry("d3s.hub.token", "hf_secret"),
            Map.entry("d3s.plugins.directory", "/data/plugins"), Map.entry("d3s.plugins.timeout", "PT2M"),
            Map.entry("d3s.network.allow", "127.0.0.1:8000,judge:80"), Map.entry("d3s.files.limit", "200M"),
            Map.entry("d3s.files.checked-at-once", "1M"),
            Map.entry("d3s.requests.limit", "2M"), Map.entry("d3s.requests.patience", "PT5S"),
            Map.entry("d3s.events.streams", "7"),
            Map.entry("d3s.data.directory", "/data/sets"), Map.entry("d3s.memory.limit", "20G"),
            Map.entry("d3s.memory.reserve", "1G"), Map.entry("d3s.events.heartbeat", "PT3S"),
            Map.entry("d3s.serving.slots", "8"), Map.entry("d3s.serving.memory", "512M"),
            Map.entry("d3s.serving.queue", "9"), Map.entry("d3s.serving.share", "0.25"),
            Map.entry("d3s.access.anonymous", "true"), Map.entry("d3s.audit.retention", "P9D"),
            Map.entry("d3s.oidc.admin-role", "boss"), Map.entry("d3s.oidc.organization-claim", "lab/name"),
            Map.entry("d3s.threads", "3"), Map.entry("d3s.jobs.concurrent", "2"),
            Map.entry("d3s.jobs.half-life", "PT6H"), Map.entry("d3s.limits.disk", "500G,acme:2T"),
            Map.entry("d3s.limits.queued-evals", "20,acme:5"),
            Map.entry("d3s.limits.queued-jobs", "100"), Map.entry("d3s.limits.running-jobs", "beta:3"),
            Map.entry("d3s.limits.tokens-a-day", "1000000"), Map.entry("d3s.cluster.heartbeat", "PT2S"),
            Map.entry("d3s.cluster.name", "two"), Map.entry("d3s.datasource.connections", "5"),
            Map.entry("d3s.datasource.password", "hush"),
            Map.entry("d3s.datasource.url", "jdbc:postgresql://db:5432/d3s"),
            Map.entry("d3s.datasource.username", "lab"), Map.entry("d3s.organization", "acme"),
            Map.entry("d3s.webhooks.url", "https://hooks.example.org/d3s"),
            Map.entry("d3s.webhooks.secret", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"),
            Map.entry("d3s.webhooks.patience", "PT1H"), Map.entry("d3s.log.format", "json"));

    /** Everything that the server reads. */
    private static List<Object> settings(D3sConfig config) {
        return List.of(config.toAccess(), config.toSettings(), config.toServing(), config.toLimits(),
                config.toCluster(), config.toDatasource(), config.toQueue(), config.toWebhooks().toString(),
                config.toWebhooks().key(), config.log().format());
    }

    @Test
    void shouldHaveDefaults() {
        assertThat(ConfigurationKey.all()
            .stream()
            .map(key -> key.name() + "=" + Objects.requireNonNullElse(key.defaultValue(), ""))
            .collect(Collectors.joining("\n", "", "\n"))).isEqualTo(DEFAULTS);

        D3sConfig config = config(Map.of());
        assertThat(config.toSettings()).isEqualTo(new ServerSettings(Path.of("/home/someone/.d3s"),
                Path.of("/home/someone/.d3s/models"), null, Runtime.getRuntime().availableProcessors(), 5L << 30, "d3s",
                Duration.ofSeconds(15), Duration.ofSeconds(30),
                new ModelSources(List.of(), URI.create("https://huggingface.co"), null), List.of(), null,
                MemorySettings.DEFAULT));
        assertThat(config.toServing()).isEqualTo(new ServingSettings(32, 2L << 30, 1024, 0.125))
            .isEqualTo(ServingSettings.DEFAULT);
        assertThat(config.toWebhooks()).isEqualTo(new WebhookSettings(null, null, Duration.ofDays(3)))
            .isEqualTo(WebhookSettings.NONE);
        assertThat(config.toLimits()).isEqualTo(RequestLimits.DEFAULT);
    }

    @Test
    void shouldMapEveryProperty() {
        assertThat(OTHERS.keySet())
            .containsExactlyInAnyOrderElementsOf(ConfigurationKey.all().stream().map(ConfigurationKey::name).toList());
        D3sConfig config = config(OTHERS);

        assertThat(config.toServing()).isEqualTo(new ServingSettings(8, 512L << 20, 9, 0.25));
        assertThat(config.toLimits()).isEqualTo(new RequestLimits(1L << 20, 2L << 20, Duration.ofSeconds(5), 7));
        assertThat(config.toSettings()).isEqualTo(new ServerSettings(Path.of("/data/d3s"), Path.of("/data/models"),
                Path.of("/data/plugins"), 3, 200L << 20, "acme", Duration.ofSeconds(3), Duration.ofMinutes(2),
                new ModelSources(List.of(Path.of("/data/others"), Path.of("/home/someone/.cache/huggingface")),
                        URI.create("https://hub.example.org"), "hf_secret"),
                List.of("127.0.0.1:8000", "judge:80"), Path.of("/data/sets"),
                new MemorySettings(20L << 30, 1L << 30)));
        assertThat(config.toQueue()).isEqualTo(new QueueSettings(2, Duration.ofHours(6),
                new OrganizationLimit(100L, Map.of()), new OrganizationLimit(20L, Map.of("acme", 5L)),
                new OrganizationLimit(null, Map.of("beta", 3L)),
                new OrganizationLimit(1_000_000L, Map.of()),
                new OrganizationLimit(500L << 30, Map.of("acme", 2L << 40))));
        assertThat(config.toCluster()).isEqualTo(new ClusterSettings("two", Duration.ofSeconds(2)));
        assertThat(config.toDatasource())
            .isEqualTo(new DatasourceSettings("jdbc:postgresql://db:5432/d3s", "lab", "hush", 5));
        assertThat(config.toDatasource().toString()).doesNotContain("hush");
        assertThat(config.toWebhooks()).isEqualTo(new WebhookSettings(URI.create("https://hooks.example.org/d3s"),
                "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", Duration.ofHours(1)));
        assertThat(config.toWebhooks().key()).asString(StandardCharsets.US_ASCII).isEqualTo("012345678901234567890123");
    }

    static Stream<String> keys() {
        return ConfigurationKey.all().stream().map(ConfigurationKey::name);
    }

    /** A setting that is declared and read by nobody would be a lie. */
    @ParameterizedTest
    @MethodSource("keys")
    void shouldReadEverySettingByItself(String key) {
        // the address of webhooks needs a secret beside it
        Map<String, String> around = key.equals("d3s.webhooks.url")
                ? Map.of("d3s.webhooks.secret", OTHERS.getOrDefault("d3s.webhooks.secret", ""))
                : Map.of();
        assertThat(settings(config(around, Map.of(key, OTHERS.getOrDefault(key, "")))))
            .usingRecursiveComparison()
            .isNotEqualTo(settings(config(around)));
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
            .hasMessageStartingWith("d3s.hub.token has spaces or special characters")
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
    void shouldHaveLimitsForAllAndForOne() {
        OrganizationLimit limit = new OrganizationLimit(100L, Map.of("acme", 500L));
        assertThat(limit.of("acme")).isEqualTo(500);
        assertThat(limit.of("other")).isEqualTo(100);
        assertThat(OrganizationLimit.NONE.of("other")).isEqualTo(Long.MAX_VALUE);

        D3sConfig config = config(Map.of("d3s.limits.queued-jobs", "many,acme:-1",
                "d3s.limits.queued-evals", "few", "d3s.jobs.concurrent", "0"));
        assertThatThrownBy(config::toQueue).hasMessageContaining("d3s.limits.queued-jobs has 'many'")
            .hasMessageContaining("d3s.limits.queued-jobs has 'acme:-1'")
            .hasMessageContaining("d3s.limits.queued-evals has 'few'")
            .hasMessageContaining("d3s.jobs.concurrent is 0");
    }

    @ParameterizedTest
    @CsvSource({"url, jdbc:mysql://db/d3s, must begin with jdbc:postgresql:", "connections, 3, must be at least 4"})
    void shouldRefuseDatabasesThatItDoesNotKnow(String key, String value, String words) {
        D3sConfig config = config(Map.of("d3s.datasource." + key, value));

        assertThatThrownBy(config::toDatasource).hasMessageStartingWith("d3s.datasource." + key)
            .hasMessageContaining(words);
    }

    @Test
    void shouldRefuseZeroThreads() {
        D3sConfig config = config(Map.of("d3s.threads", "0"));

        assertThatThrownBy(config::toSettings).hasMessage("d3s.threads is 0 but must be at least 1.");
    }

    @Test
    void shouldSayEverythingThatIsWrongAtOnce() {
        D3sConfig config = config(Map.of("d3s.threads", "0", "d3s.hub.endpoint", "ftp://hub", "d3s.plugins.timeout",
                "PT0S", "d3s.memory.limit", "1M", "d3s.organization", "a b"));

        assertThatThrownBy(config::toSettings).isInstanceOfSatisfying(InvalidSettingsException.class,
                e -> assertThat(e.mistakes()).hasSize(5))
            .hasMessageStartingWith("The configuration has 5 mistakes:")
            .hasMessageContainingAll("d3s.threads is 0", "d3s.hub.endpoint is ftp://hub",
                    "d3s.plugins.timeout is PT0S",
                    "d3s.memory.limit (1048576 bytes) must be above", "d3s.organization is 'a b'");
    }

    @ParameterizedTest
    @CsvSource({"whsec_c2hvcnQ=", "whsec_!!!", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"})
    void shouldRefuseSecretsThatSignNothing(String secret) {
        D3sConfig config = config(
                Map.of("d3s.webhooks.url", "https://hooks.example.org", "d3s.webhooks.secret", secret));

        assertThatThrownBy(config::toWebhooks).hasMessageStartingWith("d3s.webhooks.secret must be whsec_")
            .hasMessageNotContaining(secret);
    }

    @Test
    void shouldRefuseAnAddressWithoutASecret() {
        D3sConfig config = config(Map.of("d3s.webhooks.url", "https://hooks.example.org"));

        assertThatThrownBy(config::toWebhooks).hasMessageContaining("without d3s.webhooks.secret");
    }
}
