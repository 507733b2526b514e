package dev.d3s.server.training;

import java.util.concurrent.CancellationException;

/** The run ended early because its observer asked for it; a checkpoint was written before. */
public final class TrainingStopped extends Exception {
    private static final long serialVersionUID = 1L;

    public TrainingStopped() {
        super("The training run was stopped on request.");
    }

    /** @param abandoned what ended a step half way: the process is ending */
    TrainingStopped(CancellationException abandoned) {
        super("The training run was stopped in the middle of a step.", abandoned);
    }
}
