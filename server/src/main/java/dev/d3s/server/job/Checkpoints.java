package dev.d3s.server.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.event.JobEvent;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.job.RunRecord.StaleRunException;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.store.DurableFiles;
import dev.d3s.server.store.IoFailures;
import dev.d3s.server.training.CheckpointSettings;
import dev.d3s.server.training.TrainingObserver.CheckpointContent;

/**
 * The files of jobs' checkpoints, below {@code jobs/<job id>/checkpoints}: {@code step-<n>-run-<epoch>}, written under a
 * temporary name, with a {@link CheckpointManifest}, forced to disk, renamed, and only then listed in the database. The run's
 * number in the name keeps a run whose job was taken from it away from its successor's files. Thread-safe; one process writes
 * for a run.
 */
final class Checkpoints {
    private static final Logger LOG = Logger.getLogger(Checkpoints.class);
    /** What earlier versions wrote has no number of a run, and no manifest. */
    private static final Pattern NAME = Pattern.compile("\\.?step-\\d+(?:-run-(?<run>\\d+))?(?:\\.tmp)?");

    private final Stores stores;
    private final ModelCatalog models;
    private final JobModels made;

    Checkpoints(Stores stores, ModelCatalog models, JobModels made) {
        this.stores = stores;
        this.models = models;
        this.made = made;
    }

    /**
     * Where a job goes on: its newest checkpoint whose files are those that were written. Reads all of them. What is damaged is
     * taken off the list with a warning in the job's log, its files are deleted, and the one before it is tried.
     *
     * @param job one that nobody runs
     * @return {@code null} to begin anew
     */
    @Nullable
    Checkpoint resumable(Job job) {
        for (Checkpoint checkpoint : stores.checkpoints.latestFirst(job.id())) {
            Path directory = made.checkpointDirectory(checkpoint);
            String problem = problem(checkpoint, directory);
            if (problem == null) {
                return checkpoint;
            }
            discard(checkpoint, directory, problem);
        }
        return null;
    }

    /** The one with the most completed steps. */
    Optional<Checkpoint> newest(Job job) {
        return stores.checkpoints.latestFirst(job.id()).stream().findFirst();
    }

    private static @Nullable String problem(Checkpoint checkpoint, Path directory) {
        if (run(checkpoint.directory()) >= 0) {
            return CheckpointManifest.problem(directory);
        }
        return Files.isDirectory(directory) ? null : "its directory is missing";
    }

    private void discard(Checkpoint checkpoint, Path directory, String problem) {
        String message = "The checkpoint after step " + checkpoint.step() + " is damaged and was removed: " + problem
                + " (" + directory + "). The job goes on from an earlier one.";
        boolean mine = stores.database.transaction(connection -> {
            boolean deleted = stores.checkpoints.delete(connection, checkpoint);
            if (deleted) {
                stores.events.append(connection, checkpoint.job(), Level.WARN, JobEvent.Content.MESSAGE, message, null);
            }
            return deleted;
        });
        if (mine) {
            LOG.warnf("Job %s: %s", checkpoint.job(), message);
            delete(directory);
        }
    }

    /**
     * Writes one, and lists it.
     *
     * @param job as the run claimed it
     * @param model its id
     * @throws StaleRunException when the job was taken from the run; its files are then deleted again
     */
    void write(RunRecord record, Job job, int step, String model, Map<String, Double> metrics, boolean interim,
            CheckpointContent content) throws IOException {
        String name = "step-" + step + "-run-" + job.epoch();
        Path target = made.checkpointsDirectory(job.id()).resolve(name);
        Path temporary = target.resolveSibling("." + name + ".tmp");
        Optional<Checkpoint> replaced = stores.checkpoints.ofStep(job.id(), step);
        try {
            DurableFiles.deleteTree(temporary);
            Files.createDirectories(temporary);
            content.writeTo(temporary);
            CheckpointManifest.write(temporary);
            DurableFiles.publish(temporary, target);
        } catch (IOException e) {
            throw IoFailures.exception("writing the checkpoint after step " + step + " to " + target.getParent(), e);
        } finally {
            DurableFiles.deleteTree(temporary);
        }
        try {
            record.checkpoint(new Checkpoint(stores.identifiers.next("ftckpt"), job.id(), step,
                    System.currentTimeMillis(), model, metrics, name, interim));
        } catch (StaleRunException e) {
            delete(target);
            throw e;
        }
        replaced.filter(old -> !old.directory().equals(name))
            .ifPresent(old -> delete(made.checkpointDirectory(old)));
        retire(record, job);
    }

    /** Deletes what the newest checkpoint makes superfluous. */
    private void retire(RunRecord record, Job job) {
        List<Checkpoint> old = superfluous(stores.checkpoints.latestFirst(job.id()),
                job.spec().settings().checkpoints())
            .stream()
            .filter(checkpoint -> !models.needed(checkpoint.model()))
            .toList();
        if (!old.isEmpty()) {
            record.retired(old);
            old.forEach(checkpoint -> delete(made.checkpointDirectory(checkpoint)));
        }
    }

    /**
     * What need not stay: never the newest, from which a run goes on and which may become the result.
     *
     * @param latestFirst all of a job
     */
    static List<Checkpoint> superfluous(List<Checkpoint> latestFirst, CheckpointSettings settings) {
        Checkpoint best = null;
        double bestValue = Double.NaN;
        for (Checkpoint checkpoint : latestFirst.reversed()) {
            double value = checkpoint.metrics().getOrDefault(settings.bestMetric(), Double.NaN);
            boolean better = switch (settings.best()) {
                case MAX -> value > bestValue;
                case MIN -> value < bestValue;
            };
            if (!checkpoint.interim() && !Double.isNaN(value) && (best == null || better)) {
                best = checkpoint;
                bestValue = value;
            }
        }
        List<Checkpoint> superfluous = new ArrayList<>();
        int due = 0;
        for (Checkpoint checkpoint : latestFirst) {
            due += checkpoint.interim() ? 0 : 1;
            boolean newest = checkpoint.equals(latestFirst.getFirst());
            boolean tooMany = settings.keepLast() > 0 && due > settings.keepLast() && !checkpoint.equals(best);
            if (!newest && (checkpoint.interim() || tooMany)) {
                superfluous.add(checkpoint);
            }
        }
        return superfluous;
    }

    /** {@link #clean} for every job, when a server starts. */
    void cleanAll() {
        for (Job job : stores.jobs.withStatus(JobStatus.values())) {
            clean(job);
        }
    }

    /**
     * Deletes what earlier runs of a job left half written or never listed.
     *
     * @param job as the present run claimed it, or one that nobody runs
     */
    void clean(Job job) {
        Path parent = made.checkpointsDirectory(job.id());
        if (!Files.isDirectory(parent)) {
            return;
        }
        List<Path> found = new ArrayList<>();
        try (Stream<Path> paths = Files.list(parent)) {
            paths.forEach(found::add);
        } catch (IOException e) {
            LOG.warnf("The checkpoints in %s cannot be listed: %s", parent, e.getMessage());
            return;
        }
        // listed after the directory was read: what is published meanwhile is not in it
        Set<String> listed = new HashSet<>();
        stores.checkpoints.latestFirst(job.id()).forEach(checkpoint -> listed.add(checkpoint.directory()));
        for (Path path : found) {
            String name = String.valueOf(path.getFileName());
            Matcher matcher = NAME.matcher(name);
            // a run that began since the job was read has a higher number than its epoch
            long before = job.status() == JobStatus.RUNNING ? job.epoch() : job.epoch() + 1;
            boolean earlier = run(name) < before;
            if (matcher.matches() && !listed.contains(name) && earlier) {
                LOG.infof("Deleting %s, which an earlier run of the job left.", path);
                delete(path);
            }
        }
    }

    /** @return -1 when the name has none */
    private static long run(String name) {
        Matcher matcher = NAME.matcher(name);
        return matcher.matches() && matcher.group("run") != null ? Long.parseLong(matcher.group("run")) : -1;
    }

    private static void delete(Path directory) {
        try {
            DurableFiles.deleteTree(directory);
        } catch (IOException e) {
            LOG.warnf("The files in %s could not be deleted: %s", directory, e.getMessage());
        }
    }
}
