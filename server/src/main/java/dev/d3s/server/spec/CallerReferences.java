package dev.d3s.server.spec;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
import dev.d3s.server.planning.EngineWishes;
import dev.d3s.server.planning.MemoryPlanner;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.spec.DatasetChecks.DatasetReport;
import dev.d3s.server.spec.DatasetChecks.DatasetUse;
import dev.d3s.server.spec.DatasetChecks.Lengths;
import dev.d3s.server.training.TrainingSettings;
import dev.d3s.spi.D3sException;

/** What ids stand for, here and for this caller. Thread-safe. */
record CallerReferences(Caller caller, RequestChecks checks) implements References {
    @Override
    public Optional<MemoryPlanner.Outcome> plan(Path model, TrainingSettings settings, Lengths lengths,
            EngineWishes wishes) {
        return checks.plans().plan(model, settings, lengths, wishes);
    }

    @Override
    public @Nullable String urlProblem(String url) {
        return checks.requests().problem(url);
    }

    @Override
    public Optional<Path> model(String id) {
        return checks.models().find(caller, id).map(ModelCatalog.Model::directory);
    }

    @Override
    public List<String> modelIds() {
        return checks.models()
            .models(caller)
            .stream()
            .filter(ModelCatalog.Model::ready)
            .map(ModelCatalog.Model::id)
            .toList();
    }

    @Override
    public List<String> modelProblems(Path directory) {
        return checks.modelChecks().problems(directory);
    }

    @Override
    public Optional<Path> file(String id) {
        return checks.files().data(caller, id);
    }

    @Override
    public long datasetSize(String id) {
        try {
            Optional<Path> path = checks.files().data(caller, id);
            return path.isEmpty() ? 0 : checks.datasetChecks().size(path.get());
        } catch (IOException | D3sException e) {
            return 0; // who reads the file says what is wrong
        }
    }

    @Override
    public DatasetReport dataset(Path file, DatasetUse use) {
        return checks.datasetChecks().check(file, use);
    }
}
