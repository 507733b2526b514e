package dev.d3s.server.training;

import java.util.concurrent.CancellationException;

/** The run ended early because its observer asked for it; a checkpoint was written before. */
public final class TrainingStopped extends Exception {
    private static final long serialVersionUID = 1L;

    private final int repeatsFrom;

    public TrainingStopped() {
        super("The training run was stopped on request.");
        this.repeatsFrom = -1;
    }

    /** @param abandoned what ended a step half way */
    TrainingStopped(CancellationException abandoned) {
        super("The training run was stopped in the middle of a step.", abandoned);
        this.repeatsFrom = -1;
    }

    /** @param repeatsFrom completed steps of the last checkpoint, when completed steps after it were lost */
    TrainingStopped(CancellationException abandoned, int repeatsFrom) {
        super("The training run was stopped between the updates of a step.", abandoned);
        this.repeatsFrom = repeatsFrom;
    }

    /**
     * The completed steps of the checkpoint that the job goes on from, where that is not the last completed step: the stop came
     * between the updates of a step, whose weights are in no checkpoint. -1 otherwise.
     */
    public int repeatsFrom() {
        return repeatsFrom;
    }
}
