package dev.d3s.server.job;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

import org.jspecify.annotations.Nullable;

/** The rows of uploaded files; a row exists only for content that is complete on the disk. Thread-safe. */
final class FileStore {
    /** Every id begins with "f". */
    private static final String PAST_ALL_IDS = "g";

    private final Database database;

    FileStore(Database database) {
        this.database = database;
    }

    void insert(UploadedFile file) {
        database.change(connection -> Database.execute(connection,
                "insert into uploaded_file (id, filename, purpose, bytes, created_at) values (?, ?, ?, ?, ?)",
                file.id(), file.filename(), file.purpose(), file.bytes(), file.createdAt()));
    }

    /** @return whether there was one */
    boolean delete(String id) {
        return database
            .transaction(connection -> Database.execute(connection, "delete from uploaded_file where id = ?", id) > 0);
    }

    Optional<UploadedFile> file(String id) {
        return database.one("select * from uploaded_file where id = ?", FileStore::file, id);
    }

    /**
     * By id, which is by age.
     *
     * @param purpose only those; {@code null} for all
     */
    List<UploadedFile> list(@Nullable String purpose, @Nullable String after, boolean newestFirst, int limit) {
        String start = after != null ? after : newestFirst ? PAST_ALL_IDS : "";
        String order = newestFirst ? " order by id desc limit ?" : " order by id limit ?";
        String where = "select * from uploaded_file where id " + (newestFirst ? "<" : ">") + " ?";
        return purpose == null
                ? database.list(where + order, FileStore::file, start, limit)
                : database.list(where + " and purpose = ?" + order, FileStore::file, start, purpose, limit);
    }

    private static UploadedFile file(ResultSet row) throws SQLException {
        return new UploadedFile(row.getString("id"), row.getString("filename"), row.getString("purpose"),
                row.getLong("bytes"), row.getLong("created_at"));
    }
}
