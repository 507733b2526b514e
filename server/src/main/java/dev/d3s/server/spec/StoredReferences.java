package dev.d3s.server.spec;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

import dev.d3s.server.spec.DatasetChecks.DatasetReport;
import dev.d3s.server.spec.DatasetChecks.DatasetUse;

/** Everything exists. */
enum StoredReferences implements References {
    INSTANCE;

    @Override
    public Optional<Path> model(String id) {
        return Optional.of(Path.of(id));
    }

    @Override
    public List<String> modelIds() {
        return List.of();
    }

    @Override
    public List<String> modelProblems(Path directory) {
        return List.of();
    }

    @Override
    public Optional<Path> file(String id) {
        return Optional.of(Path.of(id));
    }

    @Override
    public DatasetReport dataset(Path file, DatasetUse use) {
        return new DatasetReport(1, List.of());
    }
}
