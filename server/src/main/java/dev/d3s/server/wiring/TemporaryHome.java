package dev.d3s.server.wiring;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;

import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ServerSettings;
import io.quarkus.runtime.ShutdownEvent;

/** Deletes the demo's directory when its server stops, after everything that writes to it has stopped. */
@Singleton
class TemporaryHome {
    /** System property: whether the home goes with the process. */
    static final String PROPERTY = "d3s-demo";

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
        if (Files.exists(settings.home())) {
            LOG.warnf("The demo's directory %s is still there: delete it by hand.", settings.home());
        }
    }

    /** Deletes what it can; what is still being written at this moment may stay. */
    static void delete(Path home) {
        if (!Files.exists(home)) {
            return;
        }
        try {
            Files.walkFileTree(home, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.deleteIfExists(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException gone) {
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
                        throws IOException {
                    Files.deleteIfExists(directory);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            LOG.debugf(e, "%s is not deleted yet.", home);
        }
    }
}
