package dev.d3s.server.training;

/** The run ended early because its observer asked for it; a checkpoint was written before. */
public final class TrainingStopped extends Exception {
    private static final long serialVersionUID = 1L;

    public TrainingStopped() {
        super("The training run was stopped on request.");
    }
}
