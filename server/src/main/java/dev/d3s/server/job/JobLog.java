package dev.d3s.server.job;

import java.util.Optional;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.event.JobEvent.Level;

/** The logs of jobs, for those that add to them beside a run. Thread-safe. */
@Singleton
public final class JobLog {
    private final Stores stores;

    @Inject
    JobLog(Stores stores) {
        this.stores = stores;
    }

    /** The job that a log is of. */
    public Optional<Job> job(String id) {
        return stores.jobs.job(id);
    }

    public void note(String job, Level level, String text) {
        stores.jobs.note(job, level, text);
    }
}
