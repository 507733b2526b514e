package dev.d3s.server.registry;

import java.nio.file.Path;
import java.util.Locale;

import org.jspecify.annotations.Nullable;

/**
 * A model that somebody registered with {@code POST /v1/models}.
 *
 * @param key of its row and events
 * @param organization that it belongs to; {@code null} when it is everybody's
 * @param name the id that clients use, unique within that
 * @param createdAt milliseconds since 1970
 * @param kind where its files are from
 * @param source {@code hf://org/name@revision} of a download
 * @param commit that the revision was at when the download began; {@code null} until that is known
 * @param directory its files; of a download, where they are once it is ready
 * @param bytes of a download that are there
 * @param totalBytes of a download; {@code null} until that is known
 * @param error why it failed
 */
public record RegisteredModel(String key, @Nullable String organization, String name, long createdAt, Kind kind,
        @Nullable String source,
        @Nullable String commit, Path directory, Status status, long bytes, @Nullable Long totalBytes,
        @Nullable Failure error) {
    /** Where a model's files are from. */
    public enum Kind {
        /** Somebody's directory, used where it is. */
        LINKED,
        /** A hub; the files are ours. */
        HUB;

        String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Whether a model can be used. */
    public enum Status {
        DOWNLOADING, READY, FAILED;

        public String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Why a model cannot be used. */
    public record Failure(String code, String message) {}
}
