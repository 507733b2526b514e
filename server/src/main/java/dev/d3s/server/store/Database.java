package dev.d3s.server.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

import javax.sql.DataSource;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * Plain JDBC with one connection per piece of work, on SQLite or PostgreSQL. What the database refuses only because of others
 * (a deadlock, a lock that stayed too long, a connection that broke) is tried again, so work must do nothing but SQL.
 * Thread-safe.
 */
@Singleton
public final class Database {
    private static final char REPLACEMENT = '\uFFFD';
    private static final int LONGEST_PAUSE = 2_000;
    /** How long a request waits for a database that is away. */
    private static final Duration SHORT = Duration.ofSeconds(2);

    private final DataSource source;
    private final Duration patience;
    private final Durations reads;
    private final Durations writes;
    private volatile @Nullable Dialect dialect;

    @Inject
    public Database(DataSource source) {
        this(source, SHORT, new Durations(), new Durations());
    }

    private Database(DataSource source, Duration patience, Durations reads, Durations writes) {
        this.source = source;
        this.patience = patience;
        this.reads = reads;
        this.writes = writes;
    }

    /** What the server can store its rows in. */
    private enum Dialect {
        SQLITE, POSTGRESQL
    }

    /** Asked when first needed: this is made before the directory that SQLite's file lies in. */
    private Dialect dialect() {
        Dialect known = dialect;
        if (known == null) {
            known = patiently(() -> {
                try (Connection connection = source.getConnection()) {
                    return connection.getMetaData().getDatabaseProductName().equals("PostgreSQL")
                            ? Dialect.POSTGRESQL
                            : Dialect.SQLITE;
                }
            });
            dialect = known;
        }
        return known;
    }

    /** Some SQL. */
    @FunctionalInterface
    public interface Work<T> {
        T in(Connection connection) throws SQLException;
    }

    /** Some SQL that is all done or not at all, and answers nothing. */
    @FunctionalInterface
    public interface Change {
        void in(Connection connection) throws SQLException;
    }

    /** One row of a result. */
    @FunctionalInterface
    public interface Row<T> {
        T of(ResultSet row) throws SQLException;
    }

    /** Queries outside transactions, waiting for a connection included. */
    public Durations reads() {
        return reads;
    }

    /** Transactions, waiting for a connection included. */
    public Durations writes() {
        return writes;
    }

    DataSource source() {
        return source;
    }

    /** Whether other servers may use it, too. */
    public boolean shared() {
        return dialect() == Dialect.POSTGRESQL;
    }

    /** The same database for work that has nobody waiting for it: it outlasts a restart of the database. */
    public Database patient(Duration longer) {
        return new Database(source, longer, reads, writes);
    }

    /** At the end of a {@code select}: nobody else changes its rows before the end of the transaction. */
    public String forUpdate() {
        // on SQLite the whole transaction has the database to itself from its beginning
        return dialect() == Dialect.POSTGRESQL ? " for update" : "";
    }

    public <T> List<T> list(String sql, Row<T> mapping, @Nullable Object... arguments) {
        return patiently(reads, () -> {
            try (Connection connection = source.getConnection()) {
                return list(connection, sql, mapping, arguments);
            }
        });
    }

    public <T> Optional<T> one(String sql, Row<T> mapping, @Nullable Object... arguments) {
        return list(sql, mapping, arguments).stream().findFirst();
    }

    /** One transaction; anything thrown rolls it back. */
    public void change(Change change) {
        transaction(connection -> {
            change.in(connection);
            return Boolean.TRUE;
        });
    }

    /** One transaction; anything thrown rolls it back. */
    public <T> T transaction(Work<T> work) {
        return patiently(writes, () -> {
            try (Connection connection = source.getConnection()) {
                connection.setAutoCommit(false);
                boolean committed = false;
                try {
                    T result = work.in(connection);
                    connection.commit();
                    committed = true;
                    return result;
                } finally {
                    if (!committed) {
                        rollback(connection);
                    }
                    connection.setAutoCommit(true);
                }
            }
        });
    }

    /** Keeps what went wrong before, which says more than that a broken connection cannot roll back. */
    private static void rollback(Connection connection) {
        try {
            connection.rollback();
        } catch (SQLException e) {
            // the database does it when the connection is gone
        }
    }

    /** Something with SQL. */
    @FunctionalInterface
    private interface Attempt<T> {
        T make() throws SQLException;
    }

    private <T> T patiently(Durations durations, Attempt<T> attempt) {
        long began = System.nanoTime();
        try {
            return patiently(attempt);
        } finally {
            durations.add(System.nanoTime() - began);
        }
    }

    private <T> T patiently(Attempt<T> attempt) {
        long limit = System.nanoTime() + patience.toNanos();
        for (int pause = 10;; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
            try {
                return attempt.make();
            } catch (SQLException e) {
                if (!passes(e) || System.nanoTime() > limit || !slept(pause)) {
                    throw failure(e);
                }
            }
        }
    }

    private static boolean slept(int pause) {
        try {
            // not in step with whoever it collided with
            Thread.sleep(ThreadLocalRandom.current().nextInt(pause / 2, pause + 1));
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    public static <T> List<T> list(Connection connection, String sql, Row<T> mapping, @Nullable Object... arguments)
            throws SQLException {
        try (PreparedStatement statement = prepared(connection, sql, arguments);
                ResultSet rows = statement.executeQuery()) {
            List<T> result = new ArrayList<>();
            while (rows.next()) {
                result.add(mapping.of(rows));
            }
            return result;
        }
    }

    /** @return rows changed */
    public static int execute(Connection connection, String sql, @Nullable Object... arguments) throws SQLException {
        try (PreparedStatement statement = prepared(connection, sql, arguments)) {
            return statement.executeUpdate();
        }
    }

    public static @Nullable Long nullableLong(ResultSet row, String column) throws SQLException {
        long value = row.getLong(column);
        return row.wasNull() ? null : value;
    }

    private static PreparedStatement prepared(Connection connection, String sql, @Nullable Object... arguments)
            throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        try {
            for (int index = 0; index < arguments.length; index++) {
                statement.setObject(index + 1, storable(arguments[index]));
            }
            return statement;
        } catch (SQLException e) {
            statement.close();
            throw e;
        }
    }

    /** PostgreSQL has no character 0, and models do generate it. */
    private static @Nullable Object storable(@Nullable Object value) {
        return value instanceof String text && text.indexOf('\0') >= 0 ? text.replace('\0', REPLACEMENT) : value;
    }

    /** Whether the same may succeed a moment later. */
    private static boolean passes(SQLException e) {
        String state = String.valueOf(e.getSQLState());
        String message = text(e);
        return state.startsWith("08") // the connection broke
                || Set.of("40001", "40P01", "55P03", "53300", "57P01", "57P02", "57P03").contains(state)
                || message.contains("sqlite_busy") || message.contains("sqlite_locked") || indexIsFull(message);
    }

    /** On a full disk SQLite cannot even be read with one more connection: the index of its log has no room to grow. */
    private static boolean indexIsFull(String message) {
        return message.contains("sqlite_ioerr_shmsize");
    }

    private static String text(SQLException e) {
        return String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT);
    }

    private static D3sException failure(SQLException e) {
        String message = text(e);
        String state = String.valueOf(e.getSQLState());
        if (state.equals("53100") || message.contains("sqlite_full") || message.contains("is full")
                || message.contains("no space left") || indexIsFull(message)) {
            return new D3sException(ErrorCategory.RESOURCES, "disk_full",
                    "The disk that holds the server's database is full: free space under d3s.home, or on the disk of "
                            + "PostgreSQL.",
                    e);
        }
        if (state.startsWith("08") || state.startsWith("57P") || state.equals("53300")) {
            return new D3sException(ErrorCategory.EXTERNAL, "database_unavailable",
                    "The server's database cannot be reached: check d3s.datasource.url and that PostgreSQL runs ("
                            + e.getMessage() + ").",
                    e);
        }
        return new D3sException(ErrorCategory.INTERNAL, "database_error",
                "The server's database failed: " + e.getMessage(), e);
    }
}
