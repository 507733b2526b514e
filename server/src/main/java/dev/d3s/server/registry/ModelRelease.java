package dev.d3s.server.registry;

import java.nio.file.Path;

/** Lets go of a model that is about to be deleted. Thread-safe. */
@FunctionalInterface
public interface ModelRelease {
    /** Requests that are being answered from this directory end well; later ones open it anew, or find nothing. */
    void release(Path directory);
}
