package dev.d3s.server.job;

import java.util.Set;

import dev.d3s.server.event.JobEvent;
import dev.d3s.server.training.StepReport;
import dev.d3s.server.training.TrainingTotals;

/** A run of a job that a test plays instead of a server: it writes what a run would write. */
public final class PlayedRun {
    private final Stores stores;
    private final Job job;
    private final RunRecord record;

    /** @param job as it was claimed */
    PlayedRun(Stores stores, Job job) {
        this.stores = stores;
        this.job = job;
        this.record = stores.run(job);
    }

    public Job job() {
        return job;
    }

    public void begin() {
        record.begin(0);
    }

    public void step(StepReport report, String text) {
        record.step(report, text);
    }

    public void succeeded() {
        record.succeeded(new TrainingTotals(1, 1), "model", 2);
    }

    /** Takes the job from the run. */
    public void cancelledByOthers() {
        stores.jobs.move(job.id(), Set.of(JobStatus.RUNNING), JobStatus.CANCELLED, JobEvent.Level.INFO, "x");
    }
}
