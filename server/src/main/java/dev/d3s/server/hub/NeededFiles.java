package dev.d3s.server.hub;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.model.ModelDirectory;
import dev.d3s.spi.D3sException;

/**
 * Which files of a repository the server needs: configuration, tokenizer, safetensors, and the papers that belong to a model. Pickles are
 * programs, so they are never downloaded.
 *
 * @param small everything but the weights
 * @param weights in one file; empty when there is an index
 * @param index names the files of the weights; among {@code small} too
 */
record NeededFiles(List<HubFile> small, List<HubFile> weights, @Nullable HubFile index) {
    private static final String SINGLE = "model.safetensors";
    private static final String INDEX = SINGLE + ".index.json";
    private static final Pattern SHARD = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*\\.safetensors");
    private static final Pattern PAPERS = Pattern
        .compile("(?:LICENSE|LICENCE|NOTICE|README|USE_POLICY)[A-Za-z0-9._-]*");
    private static final Pattern PICKLE = Pattern
        .compile("(?:.*/)?(?:pytorch_model|model|consolidated).*\\.(?:bin|pt|pth)");
    private static final long LARGEST_PAPER = 1 << 20;
    /** Tokenizers have up to some 20 MB. */
    private static final long LARGEST_SMALL = 256L << 20;

    /** @throws D3sException naming everything that is missing */
    static NeededFiles of(HubReference reference, List<HubFile> repository) {
        Map<String, HubFile> files = byPath(reference, repository);
        List<HubFile> small = new ArrayList<>();
        for (String name : ModelDirectory.FILES) {
            HubFile file = files.get(name);
            if (file != null) {
                if (file.size() > LARGEST_SMALL) {
                    throw HubFailures.broken(reference, "has a " + name + " of " + HubFailures.size(file.size()));
                }
                small.add(file);
            }
        }
        repository.stream()
            .filter(file -> PAPERS.matcher(file.path()).matches() && file.size() <= LARGEST_PAPER)
            .forEach(small::add);
        HubFile single = files.get(SINGLE);
        HubFile index = single == null ? files.get(INDEX) : null;
        if (index != null) {
            small.add(index);
        }
        List<String> missing = new ArrayList<>();
        for (String name : List.of("config.json", "tokenizer.json")) {
            if (!files.containsKey(name)) {
                missing.add("no " + name);
            }
        }
        if (single == null && index == null) {
            missing.add("no " + SINGLE + " or " + INDEX + (files.keySet()
                .stream()
                .anyMatch(path -> PICKLE.matcher(path).matches())
                        ? " (its weights are pickles, which can run any program and are never downloaded: convert them with "
                                + "save_pretrained(..., safe_serialization=True), or look for a revision with safetensors)"
                        : ""));
        }
        if (!missing.isEmpty()) {
            throw HubFailures.user(single == null && index == null ? "hub_no_safetensors" : "invalid_model",
                    "The repository " + reference + " has " + String.join(", ", missing)
                            + ": it needs a configuration, a fast tokenizer and safetensors in its top directory.");
        }
        return new NeededFiles(small, single == null ? List.of() : List.of(single), index);
    }

    /** The files that an index names, each once. */
    static List<HubFile> shards(HubReference reference, List<HubFile> repository, JsonNode index) {
        Map<String, HubFile> files = byPath(reference, repository);
        JsonNode map = index.path("weight_map");
        if (!map.isObject() || map.isEmpty()) {
            throw HubFailures.broken(reference, "has an index of weights without a weight_map");
        }
        TreeSet<String> names = new TreeSet<>();
        map.forEach(name -> names.add(name.asText()));
        List<HubFile> shards = new ArrayList<>();
        for (String name : names) {
            HubFile file = files.get(name);
            if (!SHARD.matcher(name).matches()) {
                throw HubFailures.broken(reference, "has an index of weights that names '" + HubFile.printable(name)
                        + "', which is not a safetensors file of its top directory");
            }
            if (file == null) {
                throw HubFailures.broken(reference, "has an index of weights that names " + name
                        + ", but no such file");
            }
            shards.add(file);
        }
        return shards;
    }

    private static Map<String, HubFile> byPath(HubReference reference, List<HubFile> repository) {
        Map<String, HubFile> files = new LinkedHashMap<>();
        for (HubFile file : repository) {
            if (files.put(file.path(), file) != null) {
                throw HubFailures.broken(reference, "lists the file " + file.path() + " twice");
            }
        }
        return files;
    }
}
