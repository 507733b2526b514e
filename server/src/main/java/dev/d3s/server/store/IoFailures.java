package dev.d3s.server.store;

import java.io.IOException;
import java.util.Locale;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** Turns failures of the disk into words. */
public final class IoFailures {
    private IoFailures() {}

    /** @param doing what failed, as in "writing a checkpoint" */
    public static D3sException exception(String doing, IOException cause) {
        String message = String.valueOf(cause.getMessage());
        String lower = message.toLowerCase(Locale.ROOT);
        if (lower.contains("no space left") || lower.contains("disk quota") || lower.contains("not enough space")) {
            return new D3sException(ErrorCategory.RESOURCES, "disk_full",
                    "The disk was full while " + doing
                            + ": free space under d3s.home, or move it to a larger disk, and "
                            + "try again.",
                    cause);
        }
        return new D3sException(ErrorCategory.RESOURCES, "io_error",
                "Failed while " + doing + ": " + cause.getClass().getSimpleName() + ": " + message, cause);
    }
}
