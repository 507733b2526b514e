package dev.d3s.server.hub;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** What can go wrong with the hub, in words that say what to do. */
final class HubFailures {
    private HubFailures() {}

    /** A request that may succeed when it is repeated. */
    static final class Passing extends IOException {
        private static final long serialVersionUID = 1L;

        private final transient @Nullable Duration retryAfter;

        Passing(String message, @Nullable Duration retryAfter) {
            super(message);
            this.retryAfter = retryAfter;
        }

        /** How long the hub asks to wait; {@code null} when it does not say. */
        @Nullable
        Duration retryAfter() {
            return retryAfter;
        }
    }

    /**
     * An answer that is none.
     *
     * @param file of the repository; {@code null} when it was about the repository itself
     */
    static D3sException answered(HubReference reference, URI endpoint, boolean token, @Nullable String file,
            HubConnection.Answer answer) {
        String repository = reference.repository();
        String errorCode = answer.header("X-Error-Code");
        String message = answer.header("X-Error-Message");
        int status = answer.status();
        if ("GatedRepo".equals(errorCode)) {
            return user("hub_gated",
                    "The model " + repository + " is gated: accept its licence at " + endpoint + "/" + repository
                            + (token
                                    ? " with the account that the server's token (HF_TOKEN) belongs to, then try again."
                                    : ", then start the server with that account's token in HF_TOKEN."));
        }
        if ("RevisionNotFound".equals(errorCode)) {
            return user("hub_revision_not_found",
                    "The model " + repository + " has no revision '" + reference.revision()
                            + "': name a branch, a tag or a commit of it, or leave @revision away for 'main'.");
        }
        if ("EntryNotFound".equals(errorCode) && file != null) {
            return user("hub_file_not_found",
                    "The model " + repository + " lists " + file + ", but the hub does not have "
                            + "it (404).");
        }
        return switch (status) {
            case 401 -> user("hub_unauthorized", token
                    ? "The hub does not accept the server's token (HF_TOKEN) for " + repository
                            + ", or there is no such model: check both."
                    : "The hub has no public model " + repository
                            + ": check its name; if it is private or gated, start the server with a token in HF_TOKEN.");
            case 403 -> user("hub_forbidden",
                    "The hub refuses access to " + repository + ": accept the model's licence at "
                            + endpoint + "/" + repository + " and start the server with "
                            + (token ? "a token in HF_TOKEN that may read it." : "your token in HF_TOKEN."));
            case 404 -> user("hub_repository_not_found", "The hub at " + endpoint + " has no model " + repository
                    + (file == null ? "" : " with the file " + file)
                    + ": check its name; if it is private, start the server with a token in HF_TOKEN.");
            default -> external("hub_failed", "The hub answered a request for " + (file == null ? repository : file)
                    + " with status " + status + (message == null ? "." : ": " + HubFile.printable(message)));
        };
    }

    static D3sException unreachable(HubReference reference, URI endpoint, int attempts, IOException last) {
        String message = last.getMessage();
        return new D3sException(ErrorCategory.EXTERNAL, "hub_unreachable",
                "The hub at " + endpoint + " did not deliver " + reference + " in " + attempts + " attempts; the last: "
                        + (message == null ? last.getClass().getSimpleName() : message)
                        + ". Check the connection (HF_ENDPOINT, a proxy), then register the model again: what is there "
                        + "already is kept.",
                last);
    }

    static D3sException broken(HubReference reference, String what) {
        return external("hub_broken", "The hub's answer for " + reference + " " + what + ".");
    }

    static D3sException redirect(URI from, String to, String why) {
        return external("hub_redirect_refused",
                "The hub redirects from " + from.getHost() + " to " + HubFile.printable(to) + ", which " + why + ".");
    }

    static D3sException checksum(HubFile file, String actual) {
        return external("hub_checksum_mismatch",
                "The file " + file.path() + " was downloaded twice and damaged twice: its " + file.checksumName()
                        + " should be " + file.checksum() + " but is " + actual
                        + ". The copy was deleted; register the model again to try once more.");
    }

    static D3sException noSpace(Path directory, long needed, long free) {
        return new D3sException(ErrorCategory.RESOURCES, "disk_full",
                "The download needs " + size(needed) + " more, but the disk of " + directory + " has " + size(free)
                        + " free: free " + size(needed - free) + " or let d3s.models.directory be on a larger disk.");
    }

    static D3sException writing(Path file, IOException cause) {
        String message = String.valueOf(cause.getMessage());
        boolean full = message.toLowerCase(Locale.ROOT).contains("no space left")
                || message.toLowerCase(Locale.ROOT).contains("quota");
        return new D3sException(ErrorCategory.RESOURCES, full ? "disk_full" : "io_error",
                "The file " + file + " could not be written: " + message
                        + (full
                                ? ". Free some space, then register the model again: what is there already is kept."
                                : "."),
                cause);
    }

    /** Bytes for people. */
    static String size(long bytes) {
        if (bytes < 10_000) {
            return bytes + " bytes";
        }
        String[] units = {"kB", "MB", "GB", "TB"};
        double value = bytes / 1e3;
        int unit = 0;
        while (value >= 1000 && unit < units.length - 1) {
            value /= 1000;
            unit++;
        }
        return String.format(Locale.ROOT, value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    }

    static D3sException user(String code, String message) {
        return new D3sException(ErrorCategory.USER, code, message);
    }

    private static D3sException external(String code, String message) {
        return new D3sException(ErrorCategory.EXTERNAL, code, message);
    }
}
