package dev.d3s.server.training;

import java.io.IOException;

/** Runs training loops: opens the engines, runs the loop the settings ask for, closes the engines. One run at a time. */
public interface Training {
    /**
     * Runs to the end.
     *
     * @return totals of the run
     * @throws TrainingStopped when the observer asked to stop
     * @throws dev.d3s.spi.D3sException with a message a person can act on
     */
    TrainingTotals run(TrainingRequest request, TrainingObserver observer) throws TrainingStopped, IOException;
}
