package dev.d3s.server.eval;

import java.io.IOException;
import java.util.Optional;
import java.util.Set;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.access.AuditAction;
import dev.d3s.server.access.AuditStore;
import dev.d3s.server.access.Caller;
import dev.d3s.server.access.IdempotencyStore;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.evaluation.EvaluatedRow;
import dev.d3s.server.file.FileService;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.registry.ModelChecks;
import dev.d3s.server.request.ConflictException;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.LimitReachedException;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.request.Page;
import dev.d3s.server.spec.DatasetChecks;
import dev.d3s.server.spec.EvalSpecReader;
import dev.d3s.server.spec.RequestChecks;
import dev.d3s.server.store.Identifiers;

/**
 * Everything one can do with evaluations on demand. They run one at a time, beside jobs, and survive a restart of the server:
 * one that had not ended goes on after the rows that are stored. Thread-safe; {@link #start} and {@link #close} belong to
 * whoever made it.
 */
@Singleton
public class EvalService implements AutoCloseable {
    private static final String ROW_PREFIX = "evalrow-";

    private final EvalStore store;
    private final AuditStore audit;
    private final IdempotencyStore idempotency;
    private final Identifiers identifiers;
    private final PluginRegistry plugins;
    private final RequestChecks checks;
    private final EvalQueue queue;
    private final QueueSettings limits;

    @Inject
    EvalService(EvalStore store, EvalQueue queue, QueueSettings limits, AuditStore audit, IdempotencyStore idempotency,
            Identifiers identifiers, ModelCatalog models, FileService files, PluginRegistry plugins,
            ModelChecks modelChecks, DatasetChecks datasetChecks) {
        this.store = store;
        this.queue = queue;
        this.limits = limits;
        this.audit = audit;
        this.idempotency = idempotency;
        this.identifiers = identifiers;
        this.plugins = plugins;
        this.checks = RequestChecks.withoutTraining(models, files, modelChecks, datasetChecks);
    }

    /** Queues again what a former process left running, then begins to run queued evaluations. */
    public void start() {
        queue.start();
    }

    /** Stops the running evaluation; it waits for another server, or the next start. */
    @Override
    public void close() {
        queue.close();
    }

    /**
     * Queues an evaluation.
     *
     * @param request as in {@code POST /v1/evals}
     * @throws InvalidRequestException with every mistake
     * @throws LimitReachedException when the caller's organization has too many evaluations waiting
     */
    public Eval create(Caller caller, JsonNode request) {
        return create(caller, request, null);
    }

    /** @param idempotencyKey requests with the same one make one evaluation; {@code null} for none */
    public Eval create(Caller caller, JsonNode request, @Nullable String idempotencyKey) {
        IdempotencyStore.Request named = IdempotencyStore.Request.of(caller, "eval", idempotencyKey, request);
        Optional<String> made = idempotency.made(named);
        if (made.isPresent()) {
            return eval(caller.within(), made.get());
        }
        requireRoom(caller.organization());
        EvalSpecReader.Read read = EvalSpecReader.of(plugins, checks, caller).read(request);
        String id = identifiers.next("eval");
        try {
            store.insert(id, caller.organization(), read.spec(), Math.min(read.spec().samples(), read.rows()),
                    connection -> {
                        idempotency.take(connection, named, id);
                        audit.append(connection, caller, AuditAction.EVAL_CREATED, id, null);
                    });
        } catch (IdempotencyStore.TakenException e) {
            return eval(caller.within(), idempotency.made(named).orElseThrow(() -> e));
        }
        queue.wake();
        return eval(caller, id);
    }

    private void requireRoom(String organization) {
        long limit = limits.queuedEvals().of(organization);
        int waiting = limit == Long.MAX_VALUE ? 0 : store.waiting(organization);
        if (waiting >= limit) {
            throw new LimitReachedException("Organization " + organization + " has " + waiting
                    + " evaluations waiting, of " + limit + " that may: wait until one has started, or cancel one.");
        }
    }

    public Eval eval(Caller caller, String id) {
        return store.eval(id)
            .filter(eval -> caller.sees(eval.organization()))
            .orElseThrow(() -> new NotFoundException("eval", id));
    }

    /**
     * Newest first.
     *
     * @param after an id: those made before it
     */
    public Page<Eval> list(Caller caller, @Nullable String after, int limit) {
        return Page.of(store.list(caller.only(), after, limit + 1), limit);
    }

    /** Ends an evaluation that waits or runs; the rows that are done stay. */
    public Eval cancel(Caller caller, String id) {
        Eval eval = eval(caller, id);
        if (!store.move(id, Set.of(EvalStatus.QUEUED, EvalStatus.RUNNING), EvalStatus.CANCELLED)) {
            throw new ConflictException("invalid_status", "The evaluation '" + id + "' is " + eval.status().key()
                    + "; only a queued or running one can be cancelled.");
        }
        audit.appendAfter(caller, AuditAction.EVAL_CANCELLED, id);
        queue.stop(id);
        return eval(caller, id);
    }

    /** Deletes an evaluation that has ended, and its rows. */
    public void delete(Caller caller, String id) {
        Eval eval = eval(caller, id);
        if (!store.delete(id, connection -> {
            idempotency.forget(connection, id);
            audit.append(connection, caller, AuditAction.EVAL_DELETED, id, null);
        })) {
            throw new ConflictException("invalid_status",
                    "The evaluation '" + id + "' is " + eval.status().key() + "; cancel it first.");
        }
    }

    /** The id of a row. */
    public static String rowId(EvaluatedRow row) {
        return ROW_PREFIX + row.index();
    }

    /**
     * Rows in the order of the dataset.
     *
     * @param after a row's id: those behind it
     */
    public Page<EvaluatedRow> rows(Caller caller, String id, @Nullable String after, int limit) {
        eval(caller, id);
        return Page.of(store.rowsAfter(id, after == null ? -1 : indexOf(after), limit + 1), limit);
    }

    /** Takes rows one by one. */
    @FunctionalInterface
    public interface RowConsumer {
        void accept(EvaluatedRow row) throws IOException;
    }

    /** Hands over all rows that there are, a few at a time in memory. */
    public void rows(Caller caller, String id, RowConsumer consumer) throws IOException {
        eval(caller, id);
        store.forEachRow(id, consumer::accept);
    }

    private static int indexOf(String id) {
        try {
            if (id.startsWith(ROW_PREFIX)) {
                return Integer.parseInt(id.substring(ROW_PREFIX.length()));
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new InvalidRequestException("after", "invalid_value",
                "'after' is '" + id + "' but must be the id of a row, such as " + ROW_PREFIX + "17.");
    }
}
