package dev.d3s.server.registry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.registry.RegisteredModel.Failure;
import dev.d3s.server.registry.RegisteredModel.Status;
import dev.d3s.server.request.ConflictException;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.request.UnfinishedWork;
import dev.d3s.server.store.DurableFiles;
import dev.d3s.server.store.IoFailures;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import io.quarkus.arc.All;

/**
 * Every model there is: base models are the directories in {@code d3s.models.directory} and what {@link ModelRegistry}
 * registered; jobs add fine-tuned models and checkpoints. Thread-safe.
 */
@Singleton
public class ModelCatalog {
    private final ModelStore store;
    private final ServerSettings settings;
    private final MadeModels made;
    private final List<UnfinishedWork> unfinished;

    @Inject
    ModelCatalog(ModelStore store, ServerSettings settings, MadeModels made, @All List<UnfinishedWork> unfinished) {
        this.store = store;
        this.settings = settings;
        this.made = made;
        this.unfinished = unfinished;
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
        models.addAll(made.models(caller));
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
        return base.or(() -> made.find(caller, id));
    }

    /** A model in whatever state. */
    public Model model(Caller caller, String id) {
        return any(caller, id).orElseThrow(() -> new NotFoundException("model", id));
    }

    /** To whom the policy belongs that a job trains; empty where that job does not exist for the caller. */
    public Optional<String> trainedBy(Caller caller, String job) {
        return made.trainedBy(caller, job);
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
        made.forget(maker, model.step());
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
        for (UnfinishedWork work : unfinished) {
            for (UnfinishedWork.Need need : work.needs()) {
                boolean starts = any(Caller.server(need.organization()), need.model())
                    .filter(start -> start.directory().equals(model.directory()))
                    .isPresent();
                if (starts || need.id().equals(model.job())) {
                    throw new ConflictException("model_in_use",
                            "The model '" + model.id() + "' is needed by " + need.words());
                }
            }
        }
    }

    /** Whether a job that has not ended begins with the model of this id, or an evaluation that has not ended uses it. */
    public boolean needed(String id) {
        return unfinished.stream()
            .flatMap(work -> work.needs().stream())
            .anyMatch(need -> need.model().equals(id));
    }

    /** An organization's own hide those of the same name that are everybody's, and registered ones those of the directory. */
    private List<Model> baseModels(Caller caller) {
        List<Model> models = new ArrayList<>();
        List<RegisteredModel> registered = store.all();
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
