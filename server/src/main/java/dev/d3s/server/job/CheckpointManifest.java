package dev.d3s.server.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.store.DurableFiles;

/**
 * {@code trainer/manifest.json} of a checkpoint: size and SHA-256 of each of its files. Written last, so that a directory
 * without one is not complete. On the caller's thread; nothing to close.
 */
final class CheckpointManifest {
    static final String FILE = "trainer/manifest.json";

    private static final ObjectMapper JSON = new ObjectMapper();

    private CheckpointManifest() {}

    /** Hashes every file that is there. */
    static void write(Path directory) throws IOException {
        ObjectNode manifest = JSON.createObjectNode();
        ObjectNode files = manifest.put("format", 1).putObject("files");
        for (String name : names(directory)) {
            Path file = directory.resolve(name);
            files.putObject(name).put("size", Files.size(file)).put("sha256", DurableFiles.sha256(file));
        }
        Path target = directory.resolve(FILE);
        Files.createDirectories(target.resolveSibling("."));
        Files.writeString(target, manifest.toPrettyString());
    }

    /** @return the first thing that is wrong with the files, to follow the name of the checkpoint; {@code null} when all is well */
    static @Nullable String problem(Path directory) {
        Path manifest = directory.resolve(FILE);
        if (!Files.isDirectory(directory)) {
            return "its directory is missing";
        }
        if (!Files.isRegularFile(manifest)) {
            return FILE + " is missing";
        }
        try {
            JsonNode files = JSON.readTree(Files.readString(manifest)).path("files");
            if (!files.isObject() || files.isEmpty()) {
                return FILE + " lists no files";
            }
            for (Map.Entry<String, JsonNode> listed : files.properties()) {
                Path file = directory.resolve(listed.getKey()).normalize();
                long size = listed.getValue().path("size").asLong(-1);
                if (!file.startsWith(directory) || !Files.isRegularFile(file)) {
                    return listed.getKey() + " is missing";
                }
                if (Files.size(file) != size) {
                    return listed.getKey() + " has " + Files.size(file) + " bytes instead of " + size;
                }
                if (!DurableFiles.sha256(file).equals(listed.getValue().path("sha256").asText())) {
                    return listed.getKey() + " does not have the SHA-256 that it was written with";
                }
            }
            return null;
        } catch (JsonProcessingException e) {
            return FILE + " is not JSON";
        } catch (IOException e) {
            return "it cannot be read (" + e.getMessage() + ")";
        }
    }

    /** All files but the manifest, relative to the directory, with "/". */
    private static List<String> names(Path directory) throws IOException {
        List<String> names = new ArrayList<>();
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
                String name = directory.relativize(path).toString().replace('\\', '/');
                if (!name.equals(FILE)) {
                    names.add(name);
                }
            }
        }
        names.sort(null);
        return names;
    }

    /** Bytes of all files below a directory; 0 when there is none. */
    static long size(Path directory) {
        long size = 0;
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
                size += Files.size(path);
            }
        } catch (IOException e) {
            return 0;
        }
        return size;
    }
}
