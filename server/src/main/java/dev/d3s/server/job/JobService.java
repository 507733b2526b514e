package dev.d3s.server.job;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.access.AuditAction;
import dev.d3s.server.access.Caller;
import dev.d3s.server.access.IdempotencyStore;
import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.config.RequestLimits;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.event.EventFeed;
import dev.d3s.server.event.EventSignal;
import dev.d3s.server.event.Follower;
import dev.d3s.server.event.JobEvent;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.file.DiskUse;
import dev.d3s.server.file.FileService;
import dev.d3s.server.planning.MemoryPlan;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.registry.ModelChecks;
import dev.d3s.server.request.ConflictException;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.LimitReachedException;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.request.Page;
import dev.d3s.server.selection.RecordedRollout;
import dev.d3s.server.spec.DatasetChecks;
import dev.d3s.server.spec.JobPlans;
import dev.d3s.server.spec.JobSpec;
import dev.d3s.server.spec.JobSpecReader;
import dev.d3s.server.spec.RequestChecks;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Durations;
import dev.d3s.server.training.Training;
import dev.d3s.spi.OutgoingRequests;

/**
 * Everything one can do with jobs. Thread-safe; {@link #start} and {@link #close} belong to whoever made it.
 */
@Singleton
public class JobService implements AutoCloseable {
    private static final int LOOKS_AT_A_STATUS = 2;

    private final Stores stores;
    private final ModelCatalog models;
    private final JobModels made;
    private final EventSignal signal = new EventSignal();
    private final EventFeed feed;
    private final PluginRegistry plugins;
    private final RequestChecks checks;
    private final JobQueue queue;
    private final QueueSettings queueSettings;
    private final DiskUse disk;
    private final FileValidation validation;
    private final DiskSpace space;
    private final long checkedAtOnce;
    private volatile boolean closed;

    @Inject
    JobService(Stores stores, ServerSettings settings, ModelCatalog models, JobModels made, FileService files,
            Training training, PluginRegistry plugins, ModelChecks modelChecks, DatasetChecks datasetChecks,
            JobPlans plans, RequestLimits limits, ClusterSettings cluster, QueueSettings queueSettings,
            DiskUse disk) {
        this.stores = stores;
        this.models = models;
        this.made = made;
        this.feed = new EventFeed(stores.events, signal, settings.heartbeat());
        this.plugins = plugins;
        this.checks = new RequestChecks(models, files, modelChecks, datasetChecks, plans,
                new OutgoingRequests(settings::allows));
        this.queue = new JobQueue(stores, models, made, files, signal, training, cluster, queueSettings,
                () -> new Turns.Room(Math.max(settings.threads(), queueSettings.concurrent()), plans.memory()));
        this.validation = new FileValidation(stores.database, stores.validations, cluster,
                organization -> reader(Caller.server(organization)),
                this::changed);
        this.space = new DiskSpace(stores, models, made, settings.home(), this::changed);
        this.checkedAtOnce = limits.checkedAtOnce();
        this.queueSettings = queueSettings;
        this.disk = disk;
    }

    private void changed() {
        signal.raise();
        queue.wake();
    }

    /** Queues again what a former process left running, then begins to run queued jobs. */
    public void start() {
        new Checkpoints(stores, models, made).cleanAll();
        queue.start();
        feed.start();
        validation.start();
        space.start();
    }

    /** Queues running jobs again after a checkpoint and ends live event streams. */
    @Override
    public void close() {
        closed = true;
        space.close();
        validation.close();
        queue.close();
        feed.close();
    }

    /**
     * Queues a job, once its files are checked: small ones here, large ones later.
     *
     * @param request as in {@code POST /v1/fine_tuning/jobs}
     * @throws InvalidRequestException with every mistake
     * @throws LimitReachedException when the caller's organization has too many jobs waiting, or too much on the disk
     */
    public Job create(Caller caller, JsonNode request) {
        return create(caller, request, null);
    }

    /** @param idempotencyKey requests with the same one make one job; {@code null} for none */
    public Job create(Caller caller, JsonNode request, @Nullable String idempotencyKey) {
        IdempotencyStore.Request named = IdempotencyStore.Request.of(caller, "job", idempotencyKey, request);
        Optional<String> made = stores.idempotency.made(named);
        if (made.isPresent()) {
            return job(caller.within(), made.get());
        }
        requireRoom(caller.organization());
        JobSpecReader.Planned planned = reader(caller).plan(request, checkedAtOnce);
        String id = stores.identifiers.next("ftjob");
        Database.Change besides = connection -> {
            stores.idempotency.take(connection, named, id);
            stores.audit.append(connection, caller, AuditAction.JOB_CREATED, id, null);
        };
        try {
            if (planned.unchecked()) {
                stores.jobs.insert(id, caller.organization(), planned.spec(), JobDemand.of(planned),
                        JobStatus.VALIDATING_FILES,
                        "The job's files are large: they are checked before it is queued.", besides);
            } else {
                stores.jobs.insert(id, caller.organization(), planned.spec(), JobDemand.of(planned),
                        JobStatus.QUEUED,
                        FileValidation.queued(planned), besides);
            }
        } catch (IdempotencyStore.TakenException e) {
            return job(caller.within(), stores.idempotency.made(named).orElseThrow(() -> e));
        }
        if (planned.unchecked()) {
            signal.raise();
            validation.wake();
        } else {
            changed();
        }
        return job(caller, id);
    }

    private void requireRoom(String organization) {
        int waiting = stores.jobs.waiting(organization);
        long limit = queueSettings.queued().of(organization);
        if (waiting >= limit) {
            throw new LimitReachedException("Organization " + organization + " has " + waiting + " jobs waiting, of "
                    + limit + " that may: wait until one has started, or cancel one.");
        }
        disk.require(organization, 0);
    }

    /**
     * What {@link #create} would do with a request, without doing it.
     *
     * @param request as in {@code POST /v1/fine_tuning/jobs}
     * @throws InvalidRequestException with every mistake, or because the job does not fit into memory
     */
    public DryRun dryRun(Caller caller, JsonNode request) {
        JobSpecReader.Planned planned = reader(caller).plan(request);
        return new DryRun(planned.spec(), planned.plan());
    }

    /**
     * A job that was read and not created.
     *
     * @param plan of its memory; {@code null} where none was made
     */
    public record DryRun(JobSpec spec, @Nullable MemoryPlan plan) {
        /** Training steps. */
        public int steps() {
            return spec.settings().steps();
        }
    }

    /** Reads a request as its caller sees the server. */
    private JobSpecReader reader(Caller caller) {
        return JobSpecReader.of(plugins, checks, caller);
    }

    /** Jobs of organizations that the caller does not see are not there, in this and in every other method. */
    public Job job(Caller caller, String id) {
        return stores.jobs.job(id)
            .filter(job -> caller.sees(job.organization()))
            .orElseThrow(() -> new NotFoundException("job", id));
    }

    /**
     * Newest first.
     *
     * @param after an id: those made before it
     * @param metadata pairs that a job must carry
     */
    public Page<Job> list(Caller caller, @Nullable String after, int limit, Map<String, String> metadata) {
        return Page.of(stores.jobs.list(caller.only(), after, limit + 1, metadata), limit);
    }

    /** Ends a job: at once when it waits, after a checkpoint when it runs. */
    public Job cancel(Caller caller, String id) {
        return end(caller, id, JobStatus.Action.CANCEL, JobStatus.CANCELLED, JobRun.Stop.CANCEL,
                "The job was cancelled.",
                "The job will be cancelled after a checkpoint.");
    }

    /** Stops a job so that it can go on later: at once when it waits, after a checkpoint when it runs. */
    public Job pause(Caller caller, String id) {
        return end(caller, id, JobStatus.Action.PAUSE, JobStatus.PAUSED, JobRun.Stop.PAUSE,
                "The job is paused; " + JobRun.howToResume(id), "The job will pause after a checkpoint.");
    }

    private Job end(Caller caller, String id, JobStatus.Action action, JobStatus to, JobRun.Stop stop,
            String done, String requested) {
        job(caller, id);
        Set<JobStatus> waiting = JobStatus.allowing(action);
        waiting.remove(JobStatus.RUNNING);
        for (int look = 0;; look++) {
            if (stores.jobs.move(id, waiting, to, Level.INFO, done)) {
                validation.stop(id);
                break;
            }
            if (stores.jobs.wish(id, stop, requested)) {
                queue.stop(id, stop);
                break;
            }
            // a run may begin or end between the two
            if (look == LOOKS_AT_A_STATUS) {
                throw refused(job(caller, id), action);
            }
        }
        stores.audit.appendAfter(caller, to == JobStatus.CANCELLED ? AuditAction.JOB_CANCELLED : AuditAction.JOB_PAUSED,
                id);
        signal.raise();
        return job(caller, id);
    }

    /** Queues a paused or failed job again; it goes on after its last checkpoint. */
    public Job resume(Caller caller, String id) {
        job(caller, id);
        boolean unchecked = stores.validations.contains(id);
        if (!stores.jobs.move(id, JobStatus.allowing(JobStatus.Action.RESUME),
                unchecked ? JobStatus.VALIDATING_FILES : JobStatus.QUEUED, Level.INFO,
                unchecked ? "The job's files are checked again." : "The job is queued again.")) {
            throw refused(job(caller, id), JobStatus.Action.RESUME);
        }
        stores.audit.appendAfter(caller, AuditAction.JOB_RESUMED, id);
        changed();
        validation.wake();
        return job(caller, id);
    }

    private static ConflictException refused(Job job, JobStatus.Action action) {
        String possible = job.status()
            .actions()
            .stream()
            .map(JobStatus.Action::done)
            .collect(Collectors.joining(" or "));
        return new ConflictException("invalid_status", "The job '" + job.id() + "' is " + job.status().key()
                + ", so it cannot be " + action.done() + (possible.isEmpty()
                        ? "; it has ended and stays as it is."
                        : "; it can be " + possible + "."));
    }

    /**
     * Newest first.
     *
     * @param after an event's id: those older than it
     */
    public Page<JobEvent> events(Caller caller, String id, @Nullable String after, int limit) {
        job(caller, id);
        return feed.page(id, after, limit);
    }

    /**
     * Hands over the events of a job, oldest first, and goes on until the job has ended and its last event was handed over.
     * Blocks; meant for a virtual thread. A follower that takes its time misses nothing and holds nobody up.
     *
     * @param lastEventId where an earlier stream ended; {@code null} for all events
     */
    public void follow(Caller caller, String id, @Nullable String lastEventId, Follower follower)
            throws InterruptedException {
        job(caller, id);
        feed.follow(id, lastEventId, () -> job(caller, id).status().ended(), follower);
    }

    /**
     * Newest first.
     *
     * @param after a checkpoint's id: those older than it
     */
    public Page<Checkpoint> checkpoints(Caller caller, String id, @Nullable String after, int limit) {
        job(caller, id);
        return Page.of(stores.checkpoints.ofJob(id, after, limit + 1), limit);
    }

    /**
     * @param names the metrics wanted; empty for all
     * @param fromStep first step wanted; -1 is the evaluation before training
     */
    public MetricSeries metrics(Caller caller, String id, Set<String> names, int fromStep) {
        job(caller, id);
        return stores.metrics.series(id, names, fromStep);
    }

    /**
     * What was recorded of a step.
     *
     * @param step from 0; {@code null} for the one that {@code after} names, else the newest that is recorded
     * @param after a rollout's id: those after it in its step
     * @throws NotFoundException when that step is not recorded
     */
    public StepRollouts rollouts(Caller caller, String id, @Nullable Integer step, @Nullable String after, int limit) {
        job(caller, id);
        List<Integer> steps = stores.rollouts.steps(id);
        if (step == null && after == null && steps.isEmpty()) {
            return StepRollouts.none();
        }
        int wanted = step != null ? step : after != null ? StepRollouts.stepOf(after) : steps.getLast();
        List<RecordedRollout> rollouts = stores.rollouts.rollouts(id, wanted)
            .orElseThrow(() -> NotFoundException.saying("rollouts_not_found", notRecorded(id, wanted, steps)));
        List<String> ids = rollouts.stream().map(rollout -> StepRollouts.id(wanted, rollout)).toList();
        if (after != null && !ids.contains(after)) {
            throw new InvalidRequestException("after", "invalid_value",
                    "'after' is '" + after + "' but must be the id of a recorded rollout of step " + wanted + ".");
        }
        return new StepRollouts(wanted, steps, stores.metrics.ofStep(id, wanted),
                Page.of(rollouts.subList(after == null ? 0 : ids.indexOf(after) + 1, rollouts.size()), limit));
    }

    private static String notRecorded(String id, int step, List<Integer> steps) {
        String nearest = Stream
            .of(steps.stream().filter(each -> each < step).max(Comparator.naturalOrder()),
                    steps.stream().filter(each -> each > step).min(Comparator.naturalOrder()))
            .flatMap(Optional::stream)
            .map(String::valueOf)
            .collect(Collectors.joining(" and "));
        return "No rollouts of step " + step + " of job '" + id + "' are recorded; " + (nearest.isEmpty()
                ? "none of any step are: a reinforcement job records every 'd3s.recording.interval' steps."
                : "the nearest recorded: " + nearest + ".");
    }

    /** How many follow events at this moment. */
    public int followers() {
        return feed.followers();
    }

    /** From the making of a job to its first run, of jobs that this server has run. */
    public Durations waits() {
        return stores.jobs.waits();
    }

    /** Whether the database answers; for health. */
    public boolean ready() {
        return !closed && !stores.database.list("select 1", row -> row.getInt(1)).isEmpty();
    }
}
