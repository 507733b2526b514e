package dev.d3s.server.config;

import org.jspecify.annotations.Nullable;

/**
 * Where rows are stored. {@link DatabaseChoice} hands this on to the data sources.
 *
 * @param url of a PostgreSQL database; {@code null} for SQLite in the server's home
 * @param connections most at a time
 */
public record DatasourceSettings(@Nullable String url, @Nullable String username, @Nullable String password,
        int connections) {
    private static final String POSTGRESQL = "jdbc:postgresql:";
    /** One for each run's writes, its heartbeats, and a few for requests. */
    private static final int FEWEST = 4;

    public DatasourceSettings {
        new SettingsCheck()
            .require(url == null || url.startsWith(POSTGRESQL), "d3s.datasource.url is '" + url
                    + "' but must begin with " + POSTGRESQL + ", such as jdbc:postgresql://localhost:5432/d3s.")
            .require(connections >= FEWEST,
                    "d3s.datasource.connections is " + connections + " but must be at least " + FEWEST + ".")
            .orThrow();
    }

    /** Without the password, which has no business in a log; nor has the address, which may have one. */
    @Override
    public String toString() {
        return "DatasourceSettings[" + (url == null ? "SQLite" : "PostgreSQL") + ", connections=" + connections + "]";
    }
}
