package dev.d3s.server.job;

import java.sql.ResultSet;
import java.sql.SQLException;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.job.Job.JobError;

/**
 * A run whose server ended in the middle of it.
 *
 * @param wish what somebody wanted of the run
 * @param step steps it had completed
 * @param crashes such runs in a row, this one included, that completed no step
 * @param setbacks such runs in a row, this one included, that got no further than the one before
 */
record Setback(JobRun.@Nullable Stop wish, int step, int crashes, int setbacks) {
    /** Where nothing is ever learned, the job is what ends servers. */
    private static final int MOST_CRASHES = 3;
    /** Some way is made and lost again: it may be bad luck for longer. */
    private static final int MOST_SETBACKS = 10;

    static Setback of(ResultSet row) throws SQLException {
        int completed = row.getInt("completed_steps");
        int furthest = row.getInt("crash_step");
        return new Setback(JobRun.Stop.of(row.getString("wish")), Math.max(completed, furthest),
                completed > row.getInt("run_first_step") ? 0 : row.getInt("crashes") + 1,
                completed > furthest ? 0 : row.getInt("setbacks") + 1);
    }

    /** Whether going on would end the next server. */
    boolean loops() {
        return crashes >= MOST_CRASHES || setbacks >= MOST_SETBACKS;
    }

    JobStatus becomes() {
        if (wish == JobRun.Stop.CANCEL) {
            return JobStatus.CANCELLED;
        }
        return wish == JobRun.Stop.PAUSE || loops() ? JobStatus.PAUSED : JobStatus.QUEUED;
    }

    /** The end of the sentence that begins with what happened. */
    String words(String job) {
        return switch (becomes()) {
            case CANCELLED -> "it was to be cancelled, and is.";
            case PAUSED -> "it was to pause, and does; " + JobRun.howToResume(job);
            default -> "it is queued again and goes on after its last checkpoint."; // there is nothing else
        };
    }

    JobError error(String job) {
        String message = "The server ended "
                + (crashes >= MOST_CRASHES
                        ? crashes + " times in a row while it ran the job, before a step was completed"
                        : setbacks + " times in a row while it ran the job, which got no further than step " + step)
                + ": look into the logs of the server and the machine for what ended it, such as memory that ran out, then "
                + JobRun.howToResume(job);
        return new JobError("crash_loop", message, null);
    }
}
