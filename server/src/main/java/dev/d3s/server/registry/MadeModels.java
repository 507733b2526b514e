package dev.d3s.server.registry;

import java.util.List;
import java.util.Optional;

import dev.d3s.server.access.Caller;

/** Models that jobs have made: what the catalog has beside base models. Thread-safe. */
public interface MadeModels {
    /** Results of jobs by age, then checkpoints by age, of organizations that the caller sees. */
    List<ModelCatalog.Model> models(Caller caller);

    /** A result or a checkpoint, if the caller sees it. */
    Optional<ModelCatalog.Model> find(Caller caller, String id);

    /** To whom the policy belongs that a job trains; empty where that job does not exist for the caller. */
    Optional<String> trainedBy(Caller caller, String job);

    /**
     * Takes what a job has made off the list; its files stay.
     *
     * @param step the checkpoint
     */
    void forget(String job, int step);
}
