package dev.d3s.server.telemetry;

import java.util.LinkedHashMap;
import java.util.Map;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.eval.EvalStatus;
import dev.d3s.server.job.JobService;
import dev.d3s.server.job.JobStatus;
import dev.d3s.server.registry.ModelRegistry;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Durations;

/** Figures about everything that is stored, and about the storing, for those who watch the server. Thread-safe. */
@Singleton
class ServerFigures {
    private final Database database;
    private final JobService jobs;
    private final ModelRegistry models;

    @Inject
    ServerFigures(Database database, JobService jobs, ModelRegistry models) {
        this.database = database;
        this.jobs = jobs;
        this.models = models;
    }

    /** Jobs by status, of all servers that share the database; every status is there. */
    Map<JobStatus, Long> jobs() {
        Map<JobStatus, Long> counts = new LinkedHashMap<>();
        for (JobStatus status : JobStatus.values()) {
            counts.put(status, 0L);
        }
        count("job").forEach((key, count) -> counts.put(JobStatus.of(key), count));
        return counts;
    }

    /** Evaluations by status; every status is there. */
    Map<EvalStatus, Long> evals() {
        Map<EvalStatus, Long> counts = new LinkedHashMap<>();
        for (EvalStatus status : EvalStatus.values()) {
            counts.put(status, 0L);
        }
        count("eval").forEach((key, count) -> counts.put(EvalStatus.of(key), count));
        return counts;
    }

    private Map<String, Long> count(String table) {
        Map<String, Long> counts = new LinkedHashMap<>();
        database.list("select status, count(*) as jobs from " + table + " group by status",
                row -> counts.put(row.getString("status"), row.getLong("jobs")));
        return counts;
    }

    /** How many seconds ago the oldest queued job was made; 0 when none is queued. */
    double oldestQueuedSeconds() {
        long oldest = database.list("select coalesce(min(created_at), 0) as oldest from job where status = ?",
                row -> row.getLong("oldest"), JobStatus.QUEUED.key())
            .getFirst();
        return oldest == 0 ? 0 : Math.max(0, System.currentTimeMillis() - oldest) / 1000.0;
    }

    /** From the making of a job to its first run, of jobs that this server has run. */
    Durations waits() {
        return jobs.waits();
    }

    Durations databaseReads() {
        return database.reads();
    }

    Durations databaseWrites() {
        return database.writes();
    }

    /** Clients that follow events. */
    int followers() {
        return jobs.followers() + models.followers();
    }
}
