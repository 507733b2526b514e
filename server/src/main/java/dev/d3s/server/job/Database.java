package dev.d3s.server.job;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

import javax.sql.DataSource;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** Plain JDBC with one connection per piece of work. Thread-safe. */
final class Database {
    private final DataSource source;
    private final Durations reads = new Durations();
    private final Durations writes = new Durations();

    Database(DataSource source) {
        this.source = source;
    }

    /** Some SQL. */
    @FunctionalInterface
    interface Work<T> {
        T in(Connection connection) throws SQLException;
    }

    /** Some SQL that is all done or not at all, and answers nothing. */
    @FunctionalInterface
    interface Change {
        void in(Connection connection) throws SQLException;
    }

    /** One row of a result. */
    @FunctionalInterface
    interface Row<T> {
        T of(ResultSet row) throws SQLException;
    }

    /** Queries outside transactions, waiting for a connection included. */
    Durations reads() {
        return reads;
    }

    /** Transactions, waiting for a connection included. */
    Durations writes() {
        return writes;
    }

    <T> List<T> list(String sql, Row<T> mapping, @Nullable Object... arguments) {
        long began = System.nanoTime();
        try (Connection connection = source.getConnection()) {
            return list(connection, sql, mapping, arguments);
        } catch (SQLException e) {
            throw failure(e);
        } finally {
            reads.add(System.nanoTime() - began);
        }
    }

    <T> Optional<T> one(String sql, Row<T> mapping, @Nullable Object... arguments) {
        return list(sql, mapping, arguments).stream().findFirst();
    }

    /** One transaction; anything thrown rolls it back. */
    void change(Change change) {
        transaction(connection -> {
            change.in(connection);
            return Boolean.TRUE;
        });
    }

    /** One transaction; anything thrown rolls it back. */
    <T> T transaction(Work<T> work) {
        long began = System.nanoTime();
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
                    connection.rollback();
                }
                connection.setAutoCommit(true);
            }
        } catch (SQLException e) {
            throw failure(e);
        } finally {
            writes.add(System.nanoTime() - began);
        }
    }

    static <T> List<T> list(Connection connection, String sql, Row<T> mapping, @Nullable Object... arguments)
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
    static int execute(Connection connection, String sql, @Nullable Object... arguments) throws SQLException {
        try (PreparedStatement statement = prepared(connection, sql, arguments)) {
            return statement.executeUpdate();
        }
    }

    static @Nullable Long nullableLong(ResultSet row, String column) throws SQLException {
        long value = row.getLong(column);
        return row.wasNull() ? null : value;
    }

    private static PreparedStatement prepared(Connection connection, String sql, @Nullable Object... arguments)
            throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        try {
            for (int index = 0; index < arguments.length; index++) {
                statement.setObject(index + 1, arguments[index]);
            }
            return statement;
        } catch (SQLException e) {
            statement.close();
            throw e;
        }
    }

    private static D3sException failure(SQLException e) {
        String message = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT);
        if (message.contains("sqlite_full") || message.contains("is full") || message.contains("no space left")) {
            return new D3sException(ErrorCategory.RESOURCES, "disk_full",
                    "The disk that holds the server's database is full: free space under d3s.home.", e);
        }
        return new D3sException(ErrorCategory.INTERNAL, "database_error",
                "The server's database failed: " + e.getMessage(), e);
    }
}
