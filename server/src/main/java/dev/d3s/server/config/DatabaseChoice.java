package dev.d3s.server.config;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.eclipse.microprofile.config.spi.ConfigSource;
import org.jspecify.annotations.Nullable;

import io.smallrye.config.ConfigSourceContext;
import io.smallrye.config.ConfigSourceFactory;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.PropertiesConfigSource;

/**
 * Turns {@code d3s.datasource} into the settings of Quarkus's two data sources: PostgreSQL is active where its address is given,
 * SQLite otherwise. Found by the configuration itself, before anything is injected; made without reflection on our side.
 */
public final class DatabaseChoice implements ConfigSourceFactory {
    private static final String OURS = "d3s.datasource.";
    private static final String POSTGRESQL = "quarkus.datasource.postgresql.";
    /** Above application.properties and environment: what is said with our own keys counts. */
    private static final int ORDINAL = 350;

    @Override
    public Iterable<ConfigSource> getConfigSources(ConfigSourceContext context) {
        String url = value(context, "url");
        Map<String, String> settings = new HashMap<>();
        settings.put("quarkus.datasource.sqlite.active", String.valueOf(url == null));
        settings.put(POSTGRESQL + "active", String.valueOf(url != null));
        if (url != null) {
            settings.put(POSTGRESQL + "jdbc.url", url);
            put(settings, "username", value(context, "username"));
            put(settings, "password", value(context, "password"));
            String connections = value(context, "connections");
            put(settings, "jdbc.max-size", connections == null ? "16" : connections);
        }
        return List.of(new PropertiesConfigSource(settings, "d3s.datasource", ORDINAL));
    }

    private static void put(Map<String, String> settings, String key, @Nullable String value) {
        if (value != null) {
            settings.put(POSTGRESQL + key, value);
        }
    }

    private static @Nullable String value(ConfigSourceContext context, String key) {
        ConfigValue value = context.getValue(OURS + key);
        String text = value == null ? null : value.getValue();
        return text == null || text.isBlank() ? null : text.strip();
    }
}
