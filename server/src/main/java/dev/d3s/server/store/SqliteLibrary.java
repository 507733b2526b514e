package dev.d3s.server.store;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.SQLException;
import java.util.Properties;

import org.jspecify.annotations.Nullable;
import org.sqlite.JDBC;
import org.sqlite.SQLiteJDBCLoader;
import org.sqlite.util.LibraryLoaderUtil;

/**
 * Unpacks SQLite's native library once per machine. Its driver would unpack it at every start, into a new file, compare the
 * two byte by byte, which is a third of what the start of a native executable takes, and ask another program which Linux this is.
 */
public final class SqliteLibrary {
    private static final String DIRECTORY = "org.sqlite.lib.path";
    private static final String TEMPORARY = "org.sqlite.tmpdir";

    private SqliteLibrary() {}

    /**
     * Tells the driver to load it from below a cache directory, where it is put if it is not there yet, and has it loaded on
     * another thread while the caller goes on. To be called before the first connection. Where that cannot be done, or the
     * driver was told of another one, nothing changes.
     */
    public static void prepare(Path cache) {
        if (System.getProperty(DIRECTORY) != null) {
            return;
        }
        try {
            Path directory = unpacked(cache);
            if (directory != null) {
                System.setProperty(DIRECTORY, directory.toString());
                System.setProperty("org.sqlite.lib.name", LibraryLoaderUtil.getNativeLibName());
                if (System.getProperty(TEMPORARY) == null) {
                    System.setProperty(TEMPORARY, directory.toString()); // where it looks through every file for old ones of its own
                }
                Thread.ofPlatform().daemon().name("d3s-sqlite").start(SqliteLibrary::load);
            }
        } catch (IOException e) {
            // the driver has its own place, and says what is wrong with that
        }
    }

    /** Does what the first connection would wait for. */
    private static void load() {
        try {
            JDBC.createConnection("jdbc:sqlite::memory:", new Properties()).close();
        } catch (SQLException e) {
            // the first connection to the server's own database says what is wrong
        }
    }

    /** The directory that has it; null where the driver has none for this machine. */
    static @Nullable Path unpacked(Path cache) throws IOException {
        String name = LibraryLoaderUtil.getNativeLibName();
        Path directory = cache.resolve("sqlite")
            .resolve(SQLiteJDBCLoader.getVersion() + "-" + System.getProperty("os.name") + "-"
                    + System.getProperty("os.arch"));
        Path file = directory.resolve(name);
        if (Files.isRegularFile(file)) {
            return directory; // it has this name since all of it was on the disk
        }
        try (InputStream library = SQLiteJDBCLoader.class
            .getResourceAsStream(LibraryLoaderUtil.getNativeLibResourcePath() + "/" + name)) {
            if (library == null) {
                return null;
            }
            Files.createDirectories(directory);
            Path temporary = Files.createTempFile(directory, ".", ".tmp");
            try {
                Files.copy(library, temporary, StandardCopyOption.REPLACE_EXISTING);
                DurableFiles.publish(temporary, file);
            } finally {
                Files.deleteIfExists(temporary);
            }
        }
        return directory;
    }
}
