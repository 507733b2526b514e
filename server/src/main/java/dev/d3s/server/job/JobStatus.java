package dev.d3s.server.job;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** How far a job is, and what may become of it: the one table of a job's life. */
public enum JobStatus {
    /** Its data sets are being read through. */
    VALIDATING_FILES,
    /** Waits for the jobs before it. */
    QUEUED,
    /** Trains. */
    RUNNING,
    /** Stopped with what it has; goes on when resumed. */
    PAUSED,
    /** Done; its model can be used. */
    SUCCEEDED,
    /** Ended by an error, which is stored. */
    FAILED,
    /** Ended on request. */
    CANCELLED;

    /** What clients ask for, with the word for what it makes of a job. */
    public enum Action {
        PAUSE("paused"), RESUME("resumed"), CANCEL("cancelled");

        private final String done;

        Action(String done) {
            this.done = done;
        }

        /** As in "it cannot be paused". */
        public String done() {
            return done;
        }
    }

    /** What a job in this state can become by itself, by its server or by its client. */
    public Set<JobStatus> next() {
        return switch (this) {
            case VALIDATING_FILES -> EnumSet.of(QUEUED, PAUSED, FAILED, CANCELLED);
            case QUEUED -> EnumSet.of(RUNNING, PAUSED, FAILED, CANCELLED);
            // (back to the queue: its server died, and another one will go on with it)
            case RUNNING -> EnumSet.of(QUEUED, PAUSED, SUCCEEDED, FAILED, CANCELLED);
            case PAUSED -> EnumSet.of(VALIDATING_FILES, QUEUED, CANCELLED);
            case FAILED -> EnumSet.of(VALIDATING_FILES, QUEUED);
            case SUCCEEDED, CANCELLED -> EnumSet.noneOf(JobStatus.class);
        };
    }

    /** What a client may ask for in this state. */
    public Set<Action> actions() {
        return switch (this) {
            case VALIDATING_FILES, QUEUED, RUNNING -> EnumSet.of(Action.PAUSE, Action.CANCEL);
            case PAUSED -> EnumSet.of(Action.RESUME, Action.CANCEL);
            case FAILED -> EnumSet.of(Action.RESUME);
            case SUCCEEDED, CANCELLED -> EnumSet.noneOf(Action.class);
        };
    }

    /** The states in which a client may ask for something. */
    static Set<JobStatus> allowing(Action action) {
        return Arrays.stream(values())
            .filter(status -> status.actions().contains(action))
            .collect(Collectors.toCollection(() -> EnumSet.noneOf(JobStatus.class)));
    }

    /** States of jobs that still need their files and models. */
    static JobStatus[] unfinished() {
        return new JobStatus[]{VALIDATING_FILES, QUEUED, RUNNING, PAUSED};
    }

    /** Whether a live event stream has nothing more to wait for. */
    public boolean ended() {
        return this == SUCCEEDED || this == FAILED || this == CANCELLED;
    }

    /** As stored and served. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    public static JobStatus of(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT));
    }
}
