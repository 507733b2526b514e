package dev.d3s.server.registry;

import java.nio.file.Path;
import java.util.List;

/** Looks at a model directory before a job begins. Thread-safe. */
@FunctionalInterface
public interface ModelChecks {
    /**
     * What keeps the server from training this model, without reading its weights: a missing file, an architecture it does
     * not know.
     *
     * @param directory in Hugging Face layout
     * @return one sentence per problem, each with the fix; empty when the model is usable
     */
    List<String> problems(Path directory);

    /** As {@link #problems}, of a model whose weights are not there yet and are not missed. */
    default List<String> problemsBesideWeights(Path directory) {
        return List.of();
    }
}
