package dev.d3s.server.spec;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.planning.EngineWishes;
import dev.d3s.server.planning.MemoryPlanner;
import dev.d3s.server.spec.DatasetChecks.DatasetReport;
import dev.d3s.server.spec.DatasetChecks.DatasetUse;
import dev.d3s.server.spec.DatasetChecks.Lengths;
import dev.d3s.server.training.TrainingSettings;

/** What the ids in a request stand for. */
interface References {
    /** The directory of a model; empty when there is no such model. */
    Optional<Path> model(String id);

    /** Ids a person could have meant, for the message. */
    List<String> modelIds();

    /** What keeps the server from training this model. */
    List<String> modelProblems(Path directory);

    /** The content of an uploaded file; empty when there is no such file. */
    Optional<Path> file(String id);

    DatasetReport dataset(Path file, DatasetUse use);

    /** What is wrong with a URL that the server is to call, in words that follow its name; {@code null} for nothing. */
    default @Nullable String urlProblem(String url) {
        return null;
    }

    /** About how many bytes of rows a file has; 0 when there is none. */
    default long datasetSize(String id) {
        return 0;
    }

    /** See {@link JobPlans}. */
    default Optional<MemoryPlanner.Outcome> plan(Path model, TrainingSettings settings, Lengths lengths,
            EngineWishes wishes) {
        return Optional.empty();
    }
}
