package dev.d3s.server.model;

import java.io.IOException;
import java.nio.file.Path;

/** Writes weights in more files than they need, for tests of other packages. */
public final class Shards {
    private Shards() {}

    public static void write(Path directory, ModelConfig config, Weights weights, long maxShardBytes)
            throws IOException {
        WeightFiles.write(directory, ModelDirectory.sources(config, weights, TensorType.F32), maxShardBytes);
    }
}
