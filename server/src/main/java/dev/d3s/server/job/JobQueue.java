package dev.d3s.server.job;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.event.EventSignal;
import dev.d3s.server.file.FileService;
import dev.d3s.server.job.JobStore.Owner;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.store.Runs;
import dev.d3s.server.store.Watch;
import dev.d3s.server.training.Training;

/**
 * Runs queued jobs on threads of its own, and takes over those of servers that are gone. Closed by {@link JobService}.
 */
final class JobQueue implements AutoCloseable, Runs.Kind<JobRun> {
    private static final Duration TIME_TO_STOP = Duration.ofSeconds(25);
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);
    private static final int LOOKS_BETWEEN_LIMITS = 5;

    private final Stores stores;
    private final ModelCatalog models;
    private final JobModels made;
    private final FileService files;
    private final EventSignal signal;
    private final Training training;
    private final ClusterSettings cluster;
    private final QueueSettings settings;
    private final Supplier<Turns.Room> room;
    private final Runs<JobRun> runs;
    private final Watch watch = new Watch("d3s-watch-jobs", BETWEEN_LOOKS, this::look);
    private int looks;

    JobQueue(Stores stores, ModelCatalog models, JobModels made, FileService files, EventSignal signal,
            Training training, ClusterSettings cluster, QueueSettings settings, Supplier<Turns.Room> room) {
        this.stores = stores;
        this.models = models;
        this.made = made;
        this.files = files;
        this.signal = signal;
        this.training = training;
        this.cluster = cluster;
        this.settings = settings;
        this.room = room;
        this.runs = new Runs<>(stores.database, "job_permit", cluster, "d3s-jobs", settings.concurrent(), TIME_TO_STOP,
                this);
    }

    /** Queues again what a former process of this name left running, then begins to run jobs. */
    void start() {
        runs.start(() -> {
            for (Owner owner : stores.jobs.running(stores.database.shared() ? cluster.name() : null)) {
                stores.jobs.recover(owner, "The job was interrupted by a restart of the server");
            }
        });
        watch.start();
    }

    /** There may be a queued job. */
    void wake() {
        runs.wake();
    }

    /** Ends the run of a job where it is this server's; others read the wish that is stored. */
    void stop(String job, JobRun.Stop reason) {
        runs.among(all -> all.stream().filter(run -> run.job().id().equals(job)).forEach(run -> run.stop(reason)));
    }

    /** Lets running jobs write a checkpoint and queues them again. */
    @Override
    public void close() {
        watch.close();
        runs.close();
    }

    // ---------------------------------------------------------------- what is taken, and how it ends

    @Override
    public boolean waiting() {
        return stores.jobs.anyQueued();
    }

    @Override
    public @Nullable JobRun claim(String permit) {
        return stores.jobs.claim(cluster.name(), permit, room.get())
            .map(job -> new JobRun(job, stores, models, made, files, signal))
            .orElse(null);
    }

    @Override
    public void run(JobRun run) {
        signal.raise();
        run.run(training);
    }

    @Override
    public void stop(JobRun run) {
        run.stop(JobRun.Stop.SHUTDOWN);
    }

    @Override
    public void orphaned(String permit) {
        for (Owner owner : stores.jobs.holding(permit)) {
            recover(owner, "The server " + owner.server() + " that ran the job gives no sign of life");
        }
    }

    @Override
    public void unrecorded(String permit) {
        stores.jobs.holding(permit).forEach(owner -> recover(owner, "How the job's run ended could not be stored"));
    }

    private void recover(Owner owner, String why) {
        stores.jobs.recover(owner, why);
        signal.raise();
    }

    @Override
    public Collection<String> held() {
        return stores.jobs.permits(cluster.name());
    }

    @Override
    public void lost(JobRun run) {
        run.abandon();
    }

    // ---------------------------------------------------------------- what others want of runs

    private void look() {
        List<JobRun> running = running();
        if (!running.isEmpty()) {
            Map<String, Owner> owners = new HashMap<>();
            stores.jobs.running(cluster.name()).forEach(owner -> owners.put(owner.job(), owner));
            for (JobRun run : running) {
                Owner owner = owners.get(run.job().id());
                if (owner != null && owner.epoch() == run.job().epoch() && owner.wish() != null) {
                    run.stop(owner.wish());
                }
            }
        }
        looks++;
        if (looks % LOOKS_BETWEEN_LIMITS == 0) {
            stopAtLimits(running);
        }
    }

    /** A job whose organization has had its tokens of the day waits, like one that has not begun. */
    private void stopAtLimits(List<JobRun> running) {
        Map<String, Boolean> reached = new HashMap<>();
        for (JobRun run : running) {
            String organization = run.job().organization();
            if (reached.computeIfAbsent(organization, this::tokensReached)) {
                run.stop(JobRun.Stop.LIMIT);
            }
        }
    }

    private boolean tokensReached(String organization) {
        long limit = settings.tokens().of(organization);
        return limit != Long.MAX_VALUE && stores.usage.tokensToday(organization) >= limit;
    }

    private List<JobRun> running() {
        List<JobRun> found = new ArrayList<>();
        runs.among(found::addAll);
        return found;
    }
}
