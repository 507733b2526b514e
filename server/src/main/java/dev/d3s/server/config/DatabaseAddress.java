package dev.d3s.server.config;

import java.nio.file.Path;
import java.util.List;

import org.jspecify.annotations.Nullable;

import io.quarkus.runtime.configuration.ConfigUtils;
import io.smallrye.config.SmallRyeConfig;

/**
 * The database of the server that is configured, for commands that need nothing else of it.
 *
 * @param url for JDBC
 * @param locations of migrations
 * @param home of the server
 */
public record DatabaseAddress(String url, @Nullable String user, @Nullable String password, List<String> locations,
        Path home) {
    /** The setting that has it, where it is not SQLite's. */
    public static final String URL = "d3s.datasource.url";

    /** Of this process. */
    public static DatabaseAddress read() {
        SmallRyeConfig config = ConfigUtils.configBuilder().build();
        Path home = Path.of(config.getOptionalValue("d3s.home", String.class)
            .orElse(System.getProperty("user.home") + "/.d3s"));
        String shared = text(config, URL);
        if (shared != null) {
            return new DatabaseAddress(shared, text(config, "d3s.datasource.username"),
                    text(config, "d3s.datasource.password"), List.of("db/migration", "db/postgresql"), home);
        }
        String named = text(config, "quarkus.datasource.sqlite.jdbc.url");
        String url = named != null ? named : text(config, "quarkus.datasource.jdbc.url");
        return new DatabaseAddress(url != null ? url : sqlite(home), null, null, List.of("db/migration"), home);
    }

    /** Whether it is a file of SQLite. */
    public boolean sqlite() {
        return url.startsWith("jdbc:sqlite:");
    }

    /** What application.properties says, which a native executable knows only where Quarkus has started. */
    static String sqlite(Path home) {
        return "jdbc:sqlite:" + home + "/d3s.db?journal_mode=WAL&synchronous=FULL&busy_timeout=10000"
                + "&foreign_keys=true&transaction_mode=IMMEDIATE";
    }

    private static @Nullable String text(SmallRyeConfig config, String key) {
        return config.getOptionalValue(key, String.class).filter(value -> !value.isBlank()).orElse(null);
    }

    /** Without the password. */
    @Override
    public String toString() {
        return "DatabaseAddress[url=" + url + ", user=" + user + ", home=" + home + "]";
    }
}
