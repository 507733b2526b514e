package dev.d3s.server.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.job.RegisteredModel.Failure;
import dev.d3s.server.job.RegisteredModel.Status;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * Every model there is: base models are the directories in {@code d3s.models.directory} and what {@link ModelRegistry}
 * registered; jobs add fine-tuned models and checkpoints. Thread-safe.
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
     * @param id base: the directory's name, or the one it was registered with; fine-tuned: {@code ft:<base>:<organization>:<suffix>:<id>}; checkpoint:
     *            {@code <fine-tuned>:ckpt-step-<n>}
     * @param createdAt milliseconds since 1970
     * @param ownedBy the organization
     * @param directory in Hugging Face layout
     * @param job that made it; {@code null} for a base model
     * @param step the checkpoint of that job
     * @param registered how, and whether it is there yet; {@code null} for a model that nobody registered
     */
    public record Model(String id, long createdAt, String ownedBy, Path directory, @Nullable String job, int step,
            @Nullable RegisteredModel registered) {
        /** Whether its files are there. */
        public boolean ready() {
            return registered == null || registered.status() == Status.READY;
        }
    }

    /** Base models by name, then fine-tuned models and checkpoints by age; also those that are not there yet. */
    public List<Model> models() {
        List<Model> models = new ArrayList<>(baseModels());
        stores.jobs.withModel().stream().flatMap(job -> fineTuned(job).stream()).forEach(models::add);
        stores.checkpoints.all().stream().map(this::checkpoint).forEach(models::add);
        return models;
    }

    /**
     * A model that can be used.
     *
     * @throws ConflictException when it is still being downloaded, or could not be
     */
    public Optional<Model> find(String id) {
        Optional<Model> model = any(id);
        RegisteredModel registered = model.map(Model::registered).orElse(null);
        if (registered == null) {
            return model;
        }
        Failure failure = registered.error();
        if (failure != null) {
            throw new ConflictException("model_failed", "The model '" + id + "' cannot be used: " + failure.message());
        }
        if (registered.status() == Status.DOWNLOADING) {
            Long total = registered.totalBytes();
            throw new ConflictException("model_downloading", "The model '" + id + "' is still being downloaded"
                    + (total == null || total == 0 ? "" : " (" + registered.bytes() * 100 / total + " %)")
                    + ": wait until the status of GET /v1/models/" + id + " is ready; /v1/models/" + id
                    + "/events tells.");
        }
        return model;
    }

    /** A model in whatever state. */
    public Optional<Model> any(String id) {
        Optional<Model> base = baseModels().stream().filter(model -> model.id().equals(id)).findFirst();
        return base.or(() -> stores.jobs.byModel(id).flatMap(this::fineTuned))
            .or(() -> stores.checkpoints.byModel(id).map(this::checkpoint));
    }

    /** A model in whatever state. */
    public Model model(String id) {
        return any(id).orElseThrow(() -> new NotFoundException("model", id));
    }

    /** Deletes the files of a fine-tuned model or checkpoint, unless a job that has not ended needs them. */
    public void delete(String id) {
        Model model = model(id);
        String maker = model.job();
        if (maker == null) {
            throw new InvalidRequestException("model", "base_model",
                    "'" + id + "' is a base model; remove its directory from the server's models directory instead.");
        }
        refuseWhileNeeded(model);
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

    /** @throws ConflictException when a job that has not ended made the model or begins with it, or an evaluation needs it */
    void refuseWhileNeeded(Model model) {
        for (Job job : stores.jobs.withStatus(JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED)) {
            boolean starts = any(job.spec().model()).filter(start -> start.directory().equals(model.directory()))
                .isPresent();
            if (starts || job.id().equals(model.job())) {
                throw new ConflictException("model_in_use", "The model '" + model.id() + "' is needed by job '"
                        + job.id() + "', which is " + job.status().key() + "; cancel the job first.");
            }
        }
        for (Eval eval : stores.evals.unfinished()) {
            if (any(eval.spec().model()).filter(used -> used.directory().equals(model.directory())).isPresent()) {
                throw new ConflictException("model_in_use", "The model '" + model.id() + "' is needed by evaluation '"
                        + eval.id() + "', which is " + eval.status().key() + "; cancel it first.");
            }
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

    Path checkpointDirectory(Checkpoint checkpoint) {
        return checkpointsDirectory(checkpoint.job()).resolve(checkpoint.directory());
    }

    /** Where all checkpoints of a job lie. */
    Path checkpointsDirectory(String job) {
        return settings.jobDirectory(job).resolve("checkpoints");
    }

    private Optional<Model> fineTuned(Job job) {
        String id = job.fineTunedModel();
        Integer step = job.modelStep();
        Long finished = job.finishedAt();
        return id == null || step == null
                ? Optional.empty()
                : stores.checkpoints.ofStep(job.id(), step)
                    .map(checkpoint -> new Model(id, finished == null ? job.createdAt() : finished,
                            settings.organization(), checkpointDirectory(checkpoint), job.id(), step, null));
    }

    private Model checkpoint(Checkpoint checkpoint) {
        return new Model(checkpoint.model(), checkpoint.createdAt(), settings.organization(),
                checkpointDirectory(checkpoint), checkpoint.job(), checkpoint.step(), null);
    }

    private List<Model> baseModels() {
        Map<String, Model> models = new TreeMap<>();
        for (RegisteredModel model : stores.models.all()) {
            models.put(model.name(),
                    new Model(model.name(), model.createdAt(), settings.organization(), model.directory(),
                            null, 0, present(model)));
        }
        Path directory = settings.modelsDirectory();
        if (Files.isDirectory(directory)) {
            try (Stream<Path> paths = Files.list(directory)) {
                for (Path path : (Iterable<Path>) paths::iterator) {
                    String name = String.valueOf(path.getFileName());
                    if (Files.isRegularFile(path.resolve("config.json")) && !name.startsWith(".")) {
                        models.putIfAbsent(name,
                                new Model(name, Files.getLastModifiedTime(path.resolve("config.json")).toMillis(),
                                        settings.organization(), path, null, 0, null));
                    }
                }
            } catch (IOException e) {
                throw IoFailures.exception("reading the models directory " + directory, e);
            }
        }
        return List.copyOf(models.values());
    }

    /** What was ready once may have been removed by hand since. */
    private static RegisteredModel present(RegisteredModel model) {
        return model.status() != Status.READY || Files.isRegularFile(model.directory().resolve("config.json"))
                ? model
                : new RegisteredModel(model.key(), model.name(), model.createdAt(), model.kind(), model.source(),
                        model.commit(), model.directory(), Status.FAILED, 0, model.totalBytes(),
                        new Failure("model_gone", "There are no files in " + model.directory()
                                + " any more: put them back, or delete the model and register it again."));
    }
}
