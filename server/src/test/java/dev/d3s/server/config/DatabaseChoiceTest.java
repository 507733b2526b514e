package dev.d3s.server.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;

import org.junit.jupiter.api.Test;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;

class DatabaseChoiceTest {
    private static SmallRyeConfig config(Map<String, String> given) {
        return new SmallRyeConfigBuilder().addDefaultInterceptors()
            .withSources(new PropertiesConfigSource(given, "test", 100))
            .withSources(new DatabaseChoice())
            .build();
    }

    private static String value(SmallRyeConfig config, String key) {
        return String.valueOf(config.getConfigValue("quarkus.datasource." + key).getValue());
    }

    @Test
    void shouldUseSqliteWithoutAnAddress() {
        for (SmallRyeConfig config : new SmallRyeConfig[]{config(Map.of()),
                config(Map.of("d3s.datasource.url", " "))}) {
            assertThat(value(config, "sqlite.active")).isEqualTo("true");
            assertThat(value(config, "postgresql.active")).isEqualTo("false");
            assertThat(value(config, "postgresql.jdbc.url")).isEqualTo("null");
        }
    }

    @Test
    void shouldUsePostgresqlWithOne() {
        SmallRyeConfig config = config(Map.of("d3s.datasource.url", "jdbc:postgresql://db:5432/d3s",
                "d3s.datasource.username", "lab", "d3s.datasource.password", "${secret}", "secret", "hush",
                "d3s.datasource.connections", "5"));
        assertThat(value(config, "sqlite.active")).isEqualTo("false");
        assertThat(value(config, "postgresql.active")).isEqualTo("true");
        assertThat(value(config, "postgresql.jdbc.url")).isEqualTo("jdbc:postgresql://db:5432/d3s");
        assertThat(value(config, "postgresql.username")).isEqualTo("lab");
        assertThat(value(config, "postgresql.password")).isEqualTo("hush");
        assertThat(value(config, "postgresql.jdbc.max-size")).isEqualTo("5");
        assertThat(value(config(Map.of("d3s.datasource.url", "jdbc:postgresql:d3s")), "postgresql.jdbc.max-size"))
            .isEqualTo("16");
    }
}
