package dev.d3s.server.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ServerSettings;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * Every model there is: base models are the directories in {@code d3s.models.directory}; jobs add fine-tuned models and
 * checkpoints. Thread-safe.
 */
@Singleton
public class ModelCatalog {
    private final Stores stores;
    private final ServerSettings settings;

    @Inject
    ModelCatalog(Stores stores, ServerSettings settings) {
        this.stores = stores;
        this.settings = settings;
    }

    /**
     * A model.
     *
     * @param id base: the directory's name; fine-tuned: {@code ft:<base>:<organization>:<suffix>:<id>}; checkpoint:
     *            {@code <fine-tuned>:ckpt-step-<n>}
     * @param createdAt milliseconds since 1970
     * @param ownedBy the organization
     * @param directory in Hugging Face layout
     * @param job that made it; {@code null} for a base model
     * @param step the checkpoint of that job
     */
    public record Model(String id, long createdAt, String ownedBy, Path directory, @Nullable String job, int step) {}

    /** Base models by name, then fine-tuned models and checkpoints by age. */
    public List<Model> models() {
        List<Model> models = new ArrayList<>(baseModels());
        stores.jobs.withModel().stream().flatMap(job -> fineTuned(job).stream()).forEach(models::add);
        stores.checkpoints.all().stream().map(this::checkpoint).forEach(models::add);
        return models;
    }

    public Optional<Model> find(String id) {
        Optional<Model> base = baseModels().stream().filter(model -> model.id().equals(id)).findFirst();
        return base.or(() -> stores.jobs.byModel(id).flatMap(this::fineTuned))
            .or(() -> stores.checkpoints.byModel(id).map(this::checkpoint));
    }

    public Model model(String id) {
        return find(id).orElseThrow(() -> new NotFoundException("model", id));
    }

    /** Deletes the files of a fine-tuned model or checkpoint, unless a job that has not ended needs them. */
    public void delete(String id) {
        Model model = model(id);
        String maker = model.job();
        if (maker == null) {
            throw new InvalidRequestException("model", "base_model",
                    "'" + id + "' is a base model; remove its directory from the server's models directory instead.");
        }
        for (Job job : stores.jobs.withStatus(JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED)) {
            boolean starts = find(job.spec().model()).filter(start -> start.directory().equals(model.directory()))
                .isPresent();
            if (starts || job.id().equals(maker)) {
                throw new ConflictException("model_in_use", "The model '" + id + "' is needed by job '" + job.id()
                        + "', which is " + job.status().key() + "; cancel the job first.");
            }
        }
        stores.jobs.deleteModel(maker, model.step(), stores.checkpoints);
        try {
            DurableFiles.deleteTree(model.directory());
        } catch (IOException e) {
            throw new D3sException(ErrorCategory.RESOURCES, "io_error",
                    "The model is no longer listed, but its files in " + model.directory() + " are still there: "
                            + e.getMessage(),
                    e);
        }
    }

    /** The id that a job's result will have. */
    String fineTunedId(Job job) {
        String start = job.spec().model();
        String base = start.startsWith("ft:") ? start.split(":", 3)[1] : start;
        String suffix = job.spec().suffix();
        return "ft:" + base + ":" + settings.organization() + ":" + (suffix == null ? "" : suffix) + ":"
                + job.id().substring(job.id().length() - 10);
    }

    static String checkpointId(String fineTunedId, int step) {
        return fineTunedId + ":ckpt-step-" + step;
    }

    Path checkpointDirectory(String job, int step) {
        return settings.jobDirectory(job).resolve("checkpoints").resolve("step-" + step);
    }

    private Optional<Model> fineTuned(Job job) {
        String id = job.fineTunedModel();
        Integer step = job.modelStep();
        Long finished = job.finishedAt();
        return id == null || step == null
                ? Optional.empty()
                : Optional.of(new Model(id, finished == null ? job.createdAt() : finished, settings.organization(),
                        checkpointDirectory(job.id(), step), job.id(), step));
    }

    private Model checkpoint(Checkpoint checkpoint) {
        return new Model(checkpoint.model(), checkpoint.createdAt(), settings.organization(),
                checkpointDirectory(checkpoint.job(), checkpoint.step()), checkpoint.job(), checkpoint.step());
    }

    private List<Model> baseModels() {
        Path directory = settings.modelsDirectory();
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> paths = Files.list(directory)) {
            List<Model> models = new ArrayList<>();
            for (Path path : (Iterable<Path>) paths.sorted()::iterator) {
                String name = String.valueOf(path.getFileName());
                if (Files.isRegularFile(path.resolve("config.json")) && !name.startsWith(".")) {
                    models.add(new Model(name, Files.getLastModifiedTime(path.resolve("config.json")).toMillis(),
                            settings.organization(), path, null, 0));
                }
            }
            return models;
        } catch (IOException e) {
            throw IoFailures.exception("reading the models directory " + directory, e);
        }
    }
}
