package dev.d3s.server.eval;

import java.util.List;
import java.util.Set;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.request.UnfinishedWork;

/** What evaluations that have not ended need. Thread-safe. */
@Singleton
final class UnfinishedEvals implements UnfinishedWork {
    private final EvalStore evals;

    @Inject
    UnfinishedEvals(EvalStore evals) {
        this.evals = evals;
    }

    @Override
    public List<Need> needs() {
        return evals.unfinished().stream().map(UnfinishedEvals::need).toList();
    }

    private static Need need(Eval eval) {
        return new Need(eval.id(), eval.organization(), eval.spec().model(), Set.of(eval.spec().file()),
                "evaluation '" + eval.id() + "', which is " + eval.status().key() + "; cancel it first.");
    }
}
