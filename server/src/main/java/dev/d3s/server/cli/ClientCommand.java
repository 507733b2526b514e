package dev.d3s.server.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

/** What the commands that are clients of the HTTP API have in common: a connection, a temporary directory, and how they end. */
final class ClientCommand {
    private ClientCommand() {}

    /** What a command does. */
    @FunctionalInterface
    interface Work {
        /**
         * @param directory for files, deleted afterwards
         * @return exit code
         */
        int run(ApiClient api, Path directory) throws IOException, InterruptedException;
    }

    /**
     * Runs a command on the caller's thread.
     *
     * @param name for messages, e.g. {@code demo}
     * @return exit code: what the work returned, 1 when something failed, 130 when it was interrupted
     */
    static int run(String name, URI base, PrintStream out, Work work) {
        Path files = null;
        try (ApiClient api = new ApiClient(base)) {
            files = Files.createTempDirectory("d3s-" + name);
            return work.run(api, files);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return stopped(name, out);
        } catch (IOException failure) {
            // reading an answer tells of an interrupt in its own way
            if (Thread.currentThread().isInterrupted() || processEnds()) {
                return stopped(name, out);
            }
            out.println();
            out.println("The " + name + " failed: " + failure.getMessage());
            out.flush();
            return 1;
        } finally {
            delete(files);
        }
    }

    private static int stopped(String name, PrintStream out) {
        out.println();
        out.println("Stopped; the " + name + " leaves nothing behind.");
        out.flush();
        return 130;
    }

    /** Whether the server went away because this process ends: hooks can be taken back only until then. */
    private static boolean processEnds() {
        try {
            Runtime.getRuntime().removeShutdownHook(new Thread());
            return false;
        } catch (IllegalStateException ending) {
            return true;
        }
    }

    private static void delete(@Nullable Path directory) {
        if (directory == null) {
            return;
        }
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.toList().reversed()) {
                Files.delete(file);
            }
        } catch (IOException leftBehind) {
            // the system's temporary directory is emptied by the system
        }
    }
}
