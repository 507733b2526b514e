package dev.d3s.server.wiring;

import java.io.IOException;
import java.nio.file.Path;

import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jboss.logging.Logger;

import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.store.DurableFiles;
import io.quarkus.runtime.ShutdownEvent;

/** Deletes the directory of a server that was started for one command when it stops, after everything that writes to it has stopped. */
@Singleton
class TemporaryHome {
    /** System property: whether the home goes with the process. */
    static final String PROPERTY = "d3s-temporary-home";

    private static final Logger LOG = Logger.getLogger(TemporaryHome.class);

    private final ServerSettings settings;

    @Inject
    TemporaryHome(ServerSettings settings) {
        this.settings = settings;
    }

    void stop(@Observes @Priority(Integer.MAX_VALUE) ShutdownEvent event) {
        if (!Boolean.getBoolean(PROPERTY)) {
            return;
        }
        delete(settings.home());
    }

    static void delete(Path home) {
        try {
            DurableFiles.deleteTree(home);
        } catch (IOException e) {
            LOG.warnf("The temporary directory %s is still there, delete it by hand: %s", home, e.getMessage());
        }
    }
}
