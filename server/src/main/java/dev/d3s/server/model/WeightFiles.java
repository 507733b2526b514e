package dev.d3s.server.model;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * How the weights of a model directory are spread over files: one {@code model.safetensors}, or several of a bounded size with an index, under the names
 * that other tools give them. Tensors stay whole and in order; one that is larger than the bound has a file to itself. Stateless.
 */
final class WeightFiles {
    static final String SINGLE = "model.safetensors";
    static final String INDEX = "model.safetensors.index.json";
    /** What a file holds at most, 5 GB: small enough for every file system and upload, as others choose it. */
    static final long MAX_SHARD_BYTES = 5_000_000_000L;

    private WeightFiles() {}

    /**
     * Writes every tensor and makes the files durable. What an earlier, differently spread set of weights left is removed, so that nobody
     * reads it instead.
     */
    static void write(Path directory, List<SafeTensors.Source> tensors, long maxShardBytes) throws IOException {
        List<List<SafeTensors.Source>> shards = shards(tensors, maxShardBytes);
        Map<String, String> notes = Map.of("format", "pt");
        Set<String> written = new HashSet<>();
        if (shards.size() == 1) {
            SafeTensors.write(directory.resolve(SINGLE), notes, shards.getFirst());
            written.add(SINGLE);
        } else {
            Map<String, String> files = new TreeMap<>();
            for (int shard = 0; shard < shards.size(); shard++) {
                String name = String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", shard + 1, shards.size());
                SafeTensors.write(directory.resolve(name), notes, shards.get(shard));
                written.add(name);
                shards.get(shard).forEach(tensor -> files.put(tensor.name(), name));
            }
            ObjectNode index = ModelFiles.JSON.createObjectNode();
            index.putObject("metadata")
                .put("total_parameters", tensors.stream().mapToLong(WeightFiles::values).sum())
                .put("total_size", tensors.stream().mapToLong(WeightFiles::bytes).sum());
            ObjectNode map = index.putObject("weight_map");
            files.forEach(map::put);
            ModelFiles.write(directory.resolve(INDEX), index);
            written.add(INDEX);
        }
        removeOthers(directory, written);
    }

    private static List<List<SafeTensors.Source>> shards(List<SafeTensors.Source> tensors, long maxShardBytes) {
        List<List<SafeTensors.Source>> shards = new ArrayList<>();
        List<SafeTensors.Source> shard = new ArrayList<>();
        long size = 0;
        for (SafeTensors.Source tensor : tensors) {
            long more = bytes(tensor);
            if (!shard.isEmpty() && size + more > maxShardBytes) {
                shards.add(shard);
                shard = new ArrayList<>();
                size = 0;
            }
            shard.add(tensor);
            size += more;
        }
        shards.add(shard);
        return shards;
    }

    private static void removeOthers(Path directory, Set<String> written) throws IOException {
        try (DirectoryStream<Path> weights = Files.newDirectoryStream(directory,
                "model{,-*-of-*}.safetensors{,.index.json}")) {
            for (Path file : weights) {
                if (!written.contains(String.valueOf(file.getFileName()))) {
                    Files.delete(file);
                }
            }
        }
    }

    private static long values(SafeTensors.Source tensor) {
        return tensor.values().remaining() / Float.BYTES;
    }

    private static long bytes(SafeTensors.Source tensor) {
        return values(tensor) * tensor.type().bytes();
    }
}
