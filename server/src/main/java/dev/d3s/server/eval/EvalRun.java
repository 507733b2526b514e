package dev.d3s.server.eval;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.access.Caller;
import dev.d3s.server.eval.Eval.EvalError;
import dev.d3s.server.evaluation.EvaluatedRow;
import dev.d3s.server.evaluation.EvaluationObserver;
import dev.d3s.server.evaluation.EvaluationPlan;
import dev.d3s.server.evaluation.EvaluationSummary;
import dev.d3s.server.evaluation.EvaluationSummary.Figures;
import dev.d3s.server.evaluation.ModelEvaluation;
import dev.d3s.server.file.FileService;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.spec.EvalSpec;
import dev.d3s.server.store.IoFailures;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * One run of an evaluation: from its first row, or the first that an earlier run has not stored, to however it ends. Runs on
 * the queue's thread; only {@link #stop} is for others.
 */
final class EvalRun implements EvaluationObserver {
    private static final Logger LOG = Logger.getLogger(EvalRun.class);

    private final Eval eval;
    private final EvalStore store;
    private final EvaluationSummary summary;
    private final long started = System.nanoTime();
    private volatile boolean stopped;
    /** Whether somebody else has decided what becomes of the evaluation. */
    private boolean taken;

    EvalRun(Eval eval, EvalStore store) {
        this.eval = eval;
        this.store = store;
        this.summary = new EvaluationSummary(eval.spec().sampled());
    }

    Eval eval() {
        return eval;
    }

    @Override
    public String toString() {
        return eval.id();
    }

    /** Lets the run end within a moment. */
    void stop() {
        stopped = true;
    }

    void run(ModelEvaluation evaluation, ModelCatalog models, FileService files) {
        try {
            store.forEachRow(eval.id(), summary::add);
            EvalSpec spec = eval.spec();
            Caller caller = Caller.server(eval.organization());
            EvaluationPlan plan = spec.plan(models.model(caller, spec.model()).directory(),
                    files.data(caller, spec.file()).orElseThrow(() -> new NotFoundException("file", spec.file())),
                    eval.organization());
            evaluation.run(plan, summary.rows(), this);
            store.end(eval, null);
        } catch (CancellationException e) {
            if (!taken) {
                // the server stops, or the run was cancelled, and then this does nothing
                store.interrupt(eval);
            }
        } catch (D3sException e) {
            failed(new EvalError(e.code(), e.text()), e);
        } catch (IOException e) {
            D3sException words = IoFailures.exception("evaluating", e);
            failed(new EvalError(words.code(), words.text()), e);
        } catch (OutOfMemoryError e) {
            failed(new EvalError("out_of_memory",
                    "The server ran out of memory: use a smaller max_tokens, or give it more memory."), e);
        } catch (Throwable e) { // whatever a plugin or engine throws: the server goes on
            failed(new EvalError("internal_error", "The server failed (" + e.getClass().getSimpleName()
                    + "); its log has the details under evaluation " + eval.id() + "."), e);
        }
    }

    private void failed(EvalError error, Throwable cause) {
        if (cause instanceof D3sException known && known.category() != ErrorCategory.INTERNAL
                && known.category() != ErrorCategory.PLUGIN) {
            LOG.warnf("Evaluation %s failed: %s", eval.id(), error.message());
        } else {
            LOG.errorf(cause, "Evaluation %s failed: %s", eval.id(), error.message());
        }
        store.end(eval, error);
    }

    @Override
    public boolean stopRequested() {
        return stopped;
    }

    @Override
    public void rows(List<EvaluatedRow> rows) {
        boolean first = summary.rows() == 0;
        rows.forEach(summary::add);
        double seconds = eval.seconds() + (System.nanoTime() - started) / 1e9;
        if (!store.rows(eval, rows, summary.rows(), seconds, json(summary.figures(), seconds))) {
            taken = true;
            stopped = true;
            throw new CancellationException("The evaluation is no longer this run's.");
        }
        if (first && summary.nothingGraded()) {
            throw new D3sException(ErrorCategory.PLUGIN, "grading_failed", "Grader '" + eval.spec().grader().name()
                    + "' graded none of the first " + rows.size() + " rows. The first error: " + summary.firstError());
        }
    }

    private static ObjectNode json(Figures figures, double seconds) {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        figures.scores().forEach((name, value) -> node.put(name, value));
        ObjectNode parts = JsonNodeFactory.instance.objectNode();
        put(parts, "greedy", figures.greedyParts());
        put(parts, "sampled", figures.sampledParts());
        if (!parts.isEmpty()) {
            node.set("reward_parts", parts);
        }
        return node.put("rows", figures.rows())
            .put("completions", figures.completions())
            .put("ungraded", figures.ungraded())
            .put("truncated_ratio", figures.truncatedRatio())
            .put("completion_length_mean", figures.completionLengthMean())
            .put("completion_length_max", figures.completionLengthMax())
            .put("prompt_tokens", figures.promptTokens())
            .put("completion_tokens", figures.completionTokens())
            .put("seconds", seconds)
            .put("tokens_per_second", figures.completionTokens() / Math.max(seconds, 1e-9));
    }

    private static void put(ObjectNode parts, String name, Map<String, Double> means) {
        if (!means.isEmpty()) {
            ObjectNode node = parts.putObject(name);
            means.forEach((part, mean) -> node.put(part, mean));
        }
    }
}
