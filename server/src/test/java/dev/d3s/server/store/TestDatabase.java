package dev.d3s.server.store;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;

import javax.sql.DataSource;

import org.flywaydb.core.Flyway;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteDataSource;

import dev.d3s.server.PostgresProcess;
import io.agroal.api.AgroalDataSource;
import io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier;

/** The databases that the server can use: what is stored is tested on both. */
public enum TestDatabase {
    SQLITE {
        @Override
        public DataSource open(Path home) {
            SQLiteConfig config = new SQLiteConfig();
            config.setJournalMode(SQLiteConfig.JournalMode.WAL);
            config.setBusyTimeout(10_000);
            config.enforceForeignKeys(true);
            config.setTransactionMode(SQLiteConfig.TransactionMode.IMMEDIATE);
            SQLiteDataSource source = new SQLiteDataSource(config);
            source.setUrl("jdbc:sqlite:" + home.resolve("d3s.db"));
            migrate(source, "classpath:db/migration");
            return source;
        }
    },
    POSTGRESQL {
        @Override
        public DataSource open(Path home) {
            return POOLS.computeIfAbsent(home, key -> pool(url(key)));
        }
    };

    private static final Map<Path, String> URLS = new HashMap<>();
    private static final Map<Path, DataSource> POOLS = new HashMap<>();
    private static @Nullable String template;

    /** The database of the server whose home this is, at this version: the same one each time. */
    public abstract DataSource open(Path home);

    /** The address of a home's database on PostgreSQL. */
    public static synchronized String url(Path home) {
        return URLS.computeIfAbsent(home, key -> PostgresProcess.shared().create(template()));
    }

    /** Migrating takes longer than copying what was migrated. */
    private static String template() {
        String name = template;
        if (name == null) {
            String url = PostgresProcess.shared().create("template0");
            try (AgroalDataSource source = pool(url)) {
                migrate(source, "classpath:db/migration", "classpath:db/postgresql");
            }
            name = url.replaceAll(".*/|\\?.*", "");
            template = name;
        }
        return name;
    }

    public static AgroalDataSource pool(String url) {
        try {
            return AgroalDataSource.from(new AgroalDataSourceConfigurationSupplier()
                .connectionPoolConfiguration(connections -> connections.maxSize(8)
                    .connectionFactoryConfiguration(factory -> factory.jdbcUrl(url))));
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void migrate(DataSource source, String... locations) {
        Flyway.configure().dataSource(source).locations(locations).load().migrate();
    }
}
