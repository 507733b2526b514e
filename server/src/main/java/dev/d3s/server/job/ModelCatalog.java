package dev.d3s.server.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
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

    /**
     * Base models by name, then fine-tuned models and checkpoints by age; also those that are not there yet. Models of organizations
     * that the caller does not see are not there, in this and in every other method.
     */
    public List<Model> models(Caller caller) {
        List<Model> models = new ArrayList<>(baseModels(caller));
        models.sort(Comparator.comparing(Model::id));
        stores.jobs.withModel()
            .stream()
            .filter(job -> caller.sees(job.organization()))
            .flatMap(job -> fineTuned(job).stream())
            .forEach(models::add);
        Map<String, String> organizations = stores.jobs.organizationsOfCheckpoints();
        for (Checkpoint checkpoint : stores.checkpoints.all()) {
            String owner = organizations.get(checkpoint.job());
            if (owner != null && caller.sees(owner)) {
                models.add(checkpoint(checkpoint, owner));
            }
        }
        return models;
    }

    /**
     * A model that can be used.
     *
     * @throws ConflictException when it is still being downloaded, or could not be
     */
    public Optional<Model> find(Caller caller, String id) {
        Optional<Model> model = any(caller, id);
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
    public Optional<Model> any(Caller caller, String id) {
        Optional<Model> base = baseModels(caller).stream().filter(model -> model.id().equals(id)).findFirst();
        return base
            .or(() -> stores.jobs.byModel(id).filter(job -> caller.sees(job.organization())).flatMap(this::fineTuned))
            .or(() -> stores.checkpoints.byModel(id)
                .flatMap(checkpoint -> stores.jobs.job(checkpoint.job())
                    .filter(job -> caller.sees(job.organization()))
                    .map(job -> checkpoint(checkpoint, job.organization()))));
    }

    /** A model in whatever state. */
    public Model model(Caller caller, String id) {
        return any(caller, id).orElseThrow(() -> new NotFoundException("model", id));
    }

    /** To whom the policy belongs that a job trains; empty where that job does not exist for the caller. */
    public Optional<String> trainedBy(Caller caller, String job) {
        return stores.jobs.job(job).map(Job::organization).filter(caller::sees);
    }

    /** Deletes the files of a fine-tuned model or checkpoint, unless a job that has not ended needs them. */
    public void delete(Caller caller, String id) {
        Model model = model(caller, id);
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
        for (Job job : stores.jobs.withStatus(JobStatus.unfinished())) {
            boolean starts = any(Caller.server(job.organization()), job.spec().model())
                .filter(start -> start.directory().equals(model.directory()))
                .isPresent();
            if (starts || job.id().equals(model.job())) {
                throw new ConflictException("model_in_use", "The model '" + model.id() + "' is needed by job '"
                        + job.id() + "', which is " + job.status().key() + "; cancel the job first.");
            }
        }
        for (Eval eval : stores.evals.unfinished()) {
            if (any(Caller.server(eval.organization()), eval.spec().model())
                .filter(used -> used.directory().equals(model.directory()))
                .isPresent()) {
                throw new ConflictException("model_in_use", "The model '" + model.id() + "' is needed by evaluation '"
                        + eval.id() + "', which is " + eval.status().key() + "; cancel it first.");
            }
        }
    }

    /** Whether a job that has not ended begins with the model of this id, or an evaluation that has not ended uses it. */
    boolean needed(String id) {
        return stores.jobs.withStatus(JobStatus.unfinished()).stream().anyMatch(job -> job.spec().model().equals(id))
                || stores.evals.unfinished().stream().anyMatch(eval -> eval.spec().model().equals(id));
    }

    /** The id that a job's result will have. */
    String fineTunedId(Job job) {
        String start = job.spec().model();
        String base = start.startsWith("ft:") ? start.split(":", 3)[1] : start;
        String suffix = job.spec().suffix();
        return "ft:" + base + ":" + job.organization() + ":" + (suffix == null ? "" : suffix) + ":"
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
                            job.organization(), checkpointDirectory(checkpoint), job.id(), step, null));
    }

    private Model checkpoint(Checkpoint checkpoint, String organization) {
        return new Model(checkpoint.model(), checkpoint.createdAt(), organization,
                checkpointDirectory(checkpoint), checkpoint.job(), checkpoint.step(), null);
    }

    /** An organization's own hide those of the same name that are everybody's, and registered ones those of the directory. */
    private List<Model> baseModels(Caller caller) {
        List<Model> models = new ArrayList<>();
        List<RegisteredModel> registered = stores.models.all();
        Set<String> names = new HashSet<>();
        registered.stream()
            .filter(model -> caller.organization().equals(model.organization()))
            .forEach(model -> add(models, names, model));
        registered.stream()
            .filter(model -> model.organization() == null && !names.contains(model.name()))
            .forEach(model -> add(models, names, model));
        if (caller.everywhere()) {
            registered.stream()
                .filter(model -> model.organization() != null && !caller.organization().equals(model.organization()))
                .forEach(model -> add(models, new HashSet<>(), model));
        }
        Path directory = settings.modelsDirectory();
        if (Files.isDirectory(directory)) {
            try (Stream<Path> paths = Files.list(directory)) {
                for (Path path : (Iterable<Path>) paths::iterator) {
                    String name = String.valueOf(path.getFileName());
                    if (Files.isRegularFile(path.resolve("config.json")) && !name.startsWith(".") && names.add(name)) {
                        models
                            .add(new Model(name, Files.getLastModifiedTime(path.resolve("config.json")).toMillis(),
                                    settings.organization(), path, null, 0, null));
                    }
                }
            } catch (IOException e) {
                throw IoFailures.exception("reading the models directory " + directory, e);
            }
        }
        return models;
    }

    private void add(List<Model> models, Set<String> names, RegisteredModel model) {
        String owner = model.organization();
        names.add(model.name());
        models.add(new Model(model.name(), model.createdAt(), owner == null ? settings.organization() : owner,
                model.directory(), null, 0, present(model)));
    }

    /** Where a download of an organization is once it is ready; those of everybody are beside what people put there by hand. */
    Path downloadDirectory(@Nullable String organization, String name) {
        Path models = settings.modelsDirectory();
        return organization == null
                ? models.resolve(name)
                : models.resolve(".organizations").resolve(organization).resolve(name);
    }

    /** What was ready once may have been removed by hand since. */
    private static RegisteredModel present(RegisteredModel model) {
        return model.status() != Status.READY || Files.isRegularFile(model.directory().resolve("config.json"))
                ? model
                : new RegisteredModel(model.key(), model.organization(), model.name(), model.createdAt(), model.kind(),
                        model.source(),
                        model.commit(), model.directory(), Status.FAILED, 0, model.totalBytes(),
                        new Failure("model_gone", "There are no files in " + model.directory()
                                + " any more: put them back, or delete the model and register it again."));
    }
}
