package dev.d3s.server.file;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.store.Database;

/** The rows of uploaded files; a row exists only for content that is complete on the disk. Thread-safe. */
@Singleton
final class FileStore {
    /** Every id begins with "f". */
    private static final String PAST_ALL_IDS = "g";

    private final Database database;

    @Inject
    FileStore(Database database) {
        this.database = database;
    }

    /** @param besides in the same transaction */
    void insert(UploadedFile file, Database.Change besides) {
        database.change(connection -> {
            besides.in(connection);
            Database.execute(connection,
                    "insert into uploaded_file (id, organization, filename, purpose, bytes, created_at) "
                            + "values (?, ?, ?, ?, ?, ?)",
                    file.id(), file.organization(), file.filename(), file.purpose(), file.bytes(), file.createdAt());
        });
    }

    /**
     * Deletes the row of a file.
     *
     * @param besides in the same transaction
     */
    void delete(String id, Database.Change besides) {
        database.change(connection -> {
            besides.in(connection);
            Database.execute(connection, "delete from uploaded_file where id = ?", id);
        });
    }

    Optional<UploadedFile> file(String id) {
        return database.one("select * from uploaded_file where id = ?", FileStore::file, id);
    }

    /**
     * By id, which is by age.
     *
     * @param organization only those; {@code null} for all
     * @param purpose only those; {@code null} for all
     */
    List<UploadedFile> list(@Nullable String organization, @Nullable String purpose, @Nullable String after,
            boolean newestFirst, int limit) {
        String start = after != null ? after : newestFirst ? PAST_ALL_IDS : "";
        StringBuilder sql = new StringBuilder(
                "select * from uploaded_file where id " + (newestFirst ? "<" : ">") + " ?");
        List<Object> arguments = new ArrayList<>(List.of(start));
        if (organization != null) {
            sql.append(" and organization = ?");
            arguments.add(organization);
        }
        if (purpose != null) {
            sql.append(" and purpose = ?");
            arguments.add(purpose);
        }
        arguments.add(limit);
        return database.list(sql + (newestFirst ? " order by id desc limit ?" : " order by id limit ?"),
                FileStore::file, arguments.toArray());
    }

    /** Of all of an organization's files. */
    long bytes(String organization) {
        return database
            .one("select coalesce(sum(bytes), 0) from uploaded_file where organization = ?", row -> row.getLong(1),
                    organization)
            .orElse(0L);
    }

    private static UploadedFile file(ResultSet row) throws SQLException {
        return new UploadedFile(row.getString("id"), row.getString("organization"), row.getString("filename"),
                row.getString("purpose"), row.getLong("bytes"), row.getLong("created_at"));
    }
}
