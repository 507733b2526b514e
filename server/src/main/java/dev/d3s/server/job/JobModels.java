package dev.d3s.server.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.access.Caller;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.file.DiskUser;
import dev.d3s.server.registry.MadeModels;
import dev.d3s.server.registry.ModelCatalog.Model;

/** What jobs have made: their results and checkpoints as models, where they lie, and how much of the disk they take. Thread-safe. */
@Singleton
final class JobModels implements MadeModels, DiskUser {
    private final Stores stores;
    private final ServerSettings settings;

    @Inject
    JobModels(Stores stores, ServerSettings settings) {
        this.stores = stores;
        this.settings = settings;
    }

    @Override
    public List<Model> models(Caller caller) {
        List<Model> models = new ArrayList<>();
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

    @Override
    public Optional<Model> find(Caller caller, String id) {
        Optional<Model> fineTuned = stores.jobs.byModel(id)
            .filter(job -> caller.sees(job.organization()))
            .flatMap(this::fineTuned);
        return fineTuned.or(() -> stores.checkpoints.byModel(id)
            .flatMap(checkpoint -> stores.jobs.job(checkpoint.job())
                .filter(job -> caller.sees(job.organization()))
                .map(job -> checkpoint(checkpoint, job.organization()))));
    }

    @Override
    public Optional<String> trainedBy(Caller caller, String job) {
        return stores.jobs.job(job).map(Job::organization).filter(caller::sees);
    }

    @Override
    public void forget(String job, int step) {
        stores.jobs.deleteModel(job, step, stores.checkpoints);
    }

    /** The id that a job's result will have. */
    static String fineTunedId(Job job) {
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

    @Override
    public long bytes(String organization) {
        return stores.jobs.ids(organization).stream().mapToLong(job -> size(settings.jobDirectory(job))).sum();
    }

    private static long size(Path directory) {
        if (!Files.isDirectory(directory)) {
            return 0;
        }
        try (Stream<Path> paths = Files.walk(directory)) {
            return paths.mapToLong(JobModels::fileSize).sum();
        } catch (IOException | UncheckedIOException e) {
            return 0; // it is being deleted
        }
    }

    private static long fileSize(Path path) {
        try {
            return Files.isRegularFile(path) ? Files.size(path) : 0;
        } catch (IOException e) {
            return 0; // it was there a moment ago
        }
    }
}
