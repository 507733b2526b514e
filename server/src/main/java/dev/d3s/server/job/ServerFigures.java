package dev.d3s.server.job;

import java.util.LinkedHashMap;
import java.util.Map;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

/** Figures about everything that is stored, and about the storing, for those who watch the server. Thread-safe. */
@Singleton
public class ServerFigures {
    private final Stores stores;
    private final JobService jobs;
    private final ModelRegistry models;

    @Inject
    ServerFigures(Stores stores, JobService jobs, ModelRegistry models) {
        this.stores = stores;
        this.jobs = jobs;
        this.models = models;
    }

    /** Jobs by status, of all servers that share the database; every status is there. */
    public Map<JobStatus, Long> jobs() {
        Map<JobStatus, Long> counts = new LinkedHashMap<>();
        for (JobStatus status : JobStatus.values()) {
            counts.put(status, 0L);
        }
        count("job").forEach((key, count) -> counts.put(JobStatus.of(key), count));
        return counts;
    }

    /** Evaluations by status; every status is there. */
    public Map<EvalStatus, Long> evals() {
        Map<EvalStatus, Long> counts = new LinkedHashMap<>();
        for (EvalStatus status : EvalStatus.values()) {
            counts.put(status, 0L);
        }
        count("eval").forEach((key, count) -> counts.put(EvalStatus.of(key), count));
        return counts;
    }

    private Map<String, Long> count(String table) {
        Map<String, Long> counts = new LinkedHashMap<>();
        stores.database.list("select status, count(*) as jobs from " + table + " group by status",
                row -> counts.put(row.getString("status"), row.getLong("jobs")));
        return counts;
    }

    /** How many seconds ago the oldest queued job was made; 0 when none is queued. */
    public double oldestQueuedSeconds() {
        long oldest = stores.database.list("select coalesce(min(created_at), 0) as oldest from job where status = ?",
                row -> row.getLong("oldest"), JobStatus.QUEUED.key())
            .getFirst();
        return oldest == 0 ? 0 : Math.max(0, System.currentTimeMillis() - oldest) / 1000.0;
    }

    /** From the making of a job to its first run, of jobs that this server has run. */
    public Durations waits() {
        return stores.jobs.waits();
    }

    public Durations databaseReads() {
        return stores.database.reads();
    }

    public Durations databaseWrites() {
        return stores.database.writes();
    }

    /** Clients that follow events. */
    public int followers() {
        return jobs.followers() + models.followers();
    }
}
