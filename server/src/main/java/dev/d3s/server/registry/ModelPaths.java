package dev.d3s.server.registry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.store.IoFailures;

/**
 * Which directories may be registered: those in {@code d3s.models.directory} and {@code d3s.models.allowed}, by where they
 * really are. Whoever may call the server may not thereby read the whole machine.
 */
final class ModelPaths {
    private static final int LISTED = 8;

    private final List<Path> roots = new ArrayList<>();

    ModelPaths(ServerSettings settings) {
        roots.add(settings.modelsDirectory());
        roots.addAll(settings.modelSources().allowed());
    }

    /**
     * The directory that a request names, without links.
     *
     * @param text absolute, or relative to the models directory
     * @throws InvalidRequestException when there is none, or it is none that may be used
     */
    Path directory(String text) {
        try {
            Path path = roots.getFirst().resolve(text).normalize();
            if (!inside(path) && !(Files.exists(path) && inside(path.toRealPath()))) {
                throw mistake("'" + text + "' is not in a directory that models may be registered from ("
                        + roots.stream().map(Path::toString).collect(Collectors.joining(", "))
                        + "): move the model there, or add its directory to d3s.models.allowed.");
            }
            if (!Files.isDirectory(path)) {
                throw mistake("'" + text + "' is not a directory: name one that holds config.json, tokenizer.json and "
                        + "safetensors.");
            }
            Path real = path.toRealPath();
            if (!inside(real)) {
                throw mistake("'" + text + "' is a link that leads to " + real
                        + ", outside the directories that models may be registered from: add that one to "
                        + "d3s.models.allowed.");
            }
            checkFiles(text, real);
            return real;
        } catch (InvalidPathException e) {
            throw mistake("'" + text + "' is not a path: " + e.getReason() + ".");
        } catch (IOException e) {
            throw IoFailures.exception("looking at " + text, e);
        }
    }

    /** The files of a directory may be links, as in a cache of Hugging Face, but not to anywhere. */
    private void checkFiles(String text, Path directory) throws IOException {
        List<String> outside = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : (Iterable<Path>) files.sorted()::iterator) {
                if (Files.exists(file) && !inside(file.toRealPath())) {
                    outside.add(file.getFileName() + " (" + file.toRealPath() + ")");
                }
            }
        }
        if (!outside.isEmpty()) {
            throw mistake(
                    "'" + text + "' has links that lead outside the directories that models may be registered from: "
                            + String.join(", ", outside.subList(0, Math.min(LISTED, outside.size())))
                            + ". Copy the files, or add their directory to d3s.models.allowed.");
        }
    }

    private boolean inside(Path path) throws IOException {
        for (Path root : roots) {
            if (path.startsWith(root) || (Files.exists(root) && path.startsWith(root.toRealPath()))) {
                return true;
            }
        }
        return false;
    }

    private static InvalidRequestException mistake(String message) {
        return new InvalidRequestException("path", "invalid_value", message);
    }
}
