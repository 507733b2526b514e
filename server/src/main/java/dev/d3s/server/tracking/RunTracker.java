package dev.d3s.server.tracking;

import java.io.IOException;
import java.util.List;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.job.Job;
import dev.d3s.server.tracking.TrackerStore.Step;

/** Where the metrics of one job go. Called by one thread at a time; what it was told it may be told again. */
interface RunTracker {
    /**
     * Adds steps.
     *
     * @param remoteId what the last call returned; {@code null} for the first
     * @param steps rising; a step may come again with further metrics
     * @return what to call the run next time
     * @throws Restart when the tracker has lost what it had
     * @throws IOException with words for the job's log
     */
    String add(Job job, @Nullable String remoteId, List<Step> steps) throws IOException, InterruptedException;

    /** Says how the job stands now that everything was added. */
    void status(Job job, String remoteId) throws IOException, InterruptedException;

    /** All steps have to be added from the first one on. */
    final class Restart extends IOException {
        private static final long serialVersionUID = 1L;

        Restart(String message) {
            super(message);
        }
    }
}
