package dev.d3s.server.file;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.AuditAction;
import dev.d3s.server.access.AuditStore;
import dev.d3s.server.access.Caller;
import dev.d3s.server.access.IdempotencyStore;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.request.ConflictException;
import dev.d3s.server.request.LimitReachedException;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.request.Page;
import dev.d3s.server.request.UnfinishedWork;
import dev.d3s.server.store.DurableFiles;
import dev.d3s.server.store.Identifiers;
import dev.d3s.server.store.IoFailures;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import io.quarkus.arc.All;

/** Uploaded files: a row each in the database, their content in {@code <home>/files}. Thread-safe. */
@Singleton
public class FileService {
    private static final String FILE = "file:";

    private final FileStore store;
    private final AuditStore audit;
    private final IdempotencyStore idempotency;
    private final Identifiers identifiers;
    private final Path directory;
    private final @Nullable Path dataDirectory;
    private final DiskUse disk;
    private final List<UnfinishedWork> unfinished;

    @Inject
    FileService(FileStore store, AuditStore audit, IdempotencyStore idempotency, Identifiers identifiers,
            ServerSettings settings, DiskUse disk, @All List<UnfinishedWork> unfinished) {
        this.store = store;
        this.audit = audit;
        this.idempotency = idempotency;
        this.identifiers = identifiers;
        this.directory = settings.filesDirectory();
        this.dataDirectory = settings.dataDirectory();
        this.disk = disk;
        this.unfinished = unfinished;
    }

    /**
     * Takes over an upload.
     *
     * @param upload where it was streamed to; on the same disk it is moved, else copied
     * @throws LimitReachedException when the caller's organization has too much on the disk
     */
    public UploadedFile add(Caller caller, Path upload, String filename, String purpose) {
        return add(caller, upload, filename, purpose, null);
    }

    /** @param idempotencyKey requests with the same one, and the same bytes, make one file; {@code null} for none */
    public UploadedFile add(Caller caller, Path upload, String filename, String purpose,
            @Nullable String idempotencyKey) {
        // the bytes are read for that, and only then
        IdempotencyStore.Request named = IdempotencyStore.Request.of(caller, "file", idempotencyKey,
                () -> purpose + "\n" + filename + "\n" + hash(upload));
        Optional<String> made = idempotency.made(named);
        if (made.isPresent()) {
            return file(caller.within(), made.get());
        }
        try {
            return store(caller, upload, filename, purpose, named);
        } catch (IdempotencyStore.TakenException e) {
            return file(caller.within(), idempotency.made(named).orElseThrow(() -> e));
        }
    }

    private UploadedFile store(Caller caller, Path upload, String filename, String purpose,
            IdempotencyStore.@Nullable Request named) {
        disk.require(caller.organization(), size(upload));
        String id = identifiers.next("file");
        Path temporary = directory.resolve("." + id + ".tmp");
        try {
            Files.createDirectories(directory);
            try {
                Files.move(upload, temporary, StandardCopyOption.REPLACE_EXISTING);
                long bytes = Files.size(temporary);
                DurableFiles.publish(temporary, content(id));
                UploadedFile file = new UploadedFile(id, caller.organization(), filename, purpose, bytes,
                        System.currentTimeMillis());
                store.insert(file, connection -> {
                    idempotency.take(connection, named, id);
                    audit.append(connection, caller, AuditAction.FILE_CREATED, id,
                            details -> details.put("bytes", bytes));
                });
                return file;
            } catch (RuntimeException e) {
                Files.deleteIfExists(content(id)); // nobody has a name for it
                throw e;
            } finally {
                Files.deleteIfExists(temporary);
            }
        } catch (IOException e) {
            throw IoFailures.exception("storing the file '" + filename + "'", e);
        }
    }

    private static String hash(Path upload) {
        try {
            return DurableFiles.sha256(upload);
        } catch (IOException e) {
            throw IoFailures.exception("storing a file", e);
        }
    }

    private static long size(Path upload) {
        try {
            return Files.size(upload);
        } catch (IOException e) {
            throw IoFailures.exception("storing a file", e);
        }
    }

    public Optional<UploadedFile> find(Caller caller, String id) {
        return store.file(id).filter(file -> caller.sees(file.organization()));
    }

    public UploadedFile file(Caller caller, String id) {
        return find(caller, id).orElseThrow(() -> new NotFoundException("file", id));
    }

    /**
     * The bytes that a job's {@code training_file} or {@code validation_file} stands for: an upload's id, or a file in {@code d3s.data.directory} as
     * {@code file:<path>}, relative to it or absolute, or as an absolute path. What leads out of that directory, by {@code ..} or by a
     * link, is not found, and neither is a directory.
     *
     * @throws D3sException naming the setting, when it is a path and no directory is set
     */
    public Optional<Path> data(Caller caller, String reference) {
        boolean url = reference.startsWith(FILE);
        if (!url && !reference.startsWith("/")) {
            return find(caller, reference).map(this::content);
        }
        if (dataDirectory == null) {
            throw new D3sException(ErrorCategory.USER, "file_not_found", "'" + reference
                    + "' is a path, but this server reads no local files: start it with d3s.data.directory, or upload"
                    + " the file with POST /v1/files.");
        }
        String path = url ? reference.substring(FILE.length()) : reference;
        try {
            Path root = dataDirectory.toRealPath();
            // file:///data/rows.jsonl is file:/data/rows.jsonl
            Path file = root.resolve(path.startsWith("//") ? path.substring(path.indexOf('/', 2)) : path).toRealPath();
            return file.startsWith(root) && Files.isRegularFile(file) ? Optional.of(file) : Optional.empty();
        } catch (IOException | InvalidPathException | StringIndexOutOfBoundsException absent) {
            return Optional.empty();
        }
    }

    /** Where its bytes are. */
    public Path content(UploadedFile file) {
        return content(file.id());
    }

    private Path content(String id) {
        return directory.resolve(id);
    }

    /** @param after an id: those behind it in this order */
    public Page<UploadedFile> list(Caller caller, @Nullable String purpose, @Nullable String after,
            boolean newestFirst, int limit) {
        return Page.of(store.list(caller.only(), purpose, after, newestFirst, limit + 1), limit);
    }

    /** Deletes row and content, unless a job that has not ended needs them. */
    public void delete(Caller caller, String id) {
        UploadedFile file = file(caller, id);
        for (UnfinishedWork work : unfinished) {
            for (UnfinishedWork.Need need : work.needs()) {
                if (need.files().contains(id)) {
                    throw new ConflictException("file_in_use",
                            "The file '" + id + "' is needed by " + need.words());
                }
            }
        }
        store.delete(file.id(), connection -> {
            idempotency.forget(connection, id);
            audit.append(connection, caller, AuditAction.FILE_DELETED, id, null);
        });
        try {
            Files.deleteIfExists(content(file));
        } catch (IOException e) {
            throw new D3sException(ErrorCategory.RESOURCES, "io_error",
                    "The file's row is gone, but not its content " + content(file) + ": " + e.getMessage(), e);
        }
    }
}
