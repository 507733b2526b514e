package dev.d3s.server.eval;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.eval.Eval.EvalError;
import dev.d3s.server.evaluation.EvaluatedRow;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.share.FairShare;
import dev.d3s.server.share.UsageStore;
import dev.d3s.server.share.UsageStore.Use;
import dev.d3s.server.spec.EvalSpec;
import dev.d3s.server.spec.EvalSpecReader;
import dev.d3s.server.store.Database;
import dev.d3s.server.webhook.WebhookOutbox;

/**
 * Evaluations and what came of their rows. What a run writes does nothing but answer false once the evaluation has moved on
 * without it: its epoch rose, or it is no longer running. Thread-safe.
 */
@Singleton
final class EvalStore {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Every id begins with "e". */
    private static final String PAST_ALL_IDS = "f";
    private static final String GUARD = " where id = ? and epoch = ? and status = 'running'";
    private static final int ROWS_AT_ONCE = 200;

    private final Database database;
    private final WebhookOutbox outbox;
    private final UsageStore usage;
    private final FairShare share;
    private final EvalSpecReader specs;

    @Inject
    EvalStore(Database database, WebhookOutbox outbox, UsageStore usage, FairShare share, PluginRegistry plugins) {
        this.database = database;
        this.outbox = outbox;
        this.usage = usage;
        this.share = share;
        this.specs = EvalSpecReader.ofStored(plugins);
    }

    /**
     * Stores a new evaluation, queued.
     *
     * @param besides in the same transaction
     */
    void insert(String id, String organization, EvalSpec spec, int totalRows, Database.Change besides) {
        database.change(connection -> {
            besides.in(connection);
            Database.execute(connection,
                    "insert into eval (id, organization, created_at, status, request, total_rows) values (?, ?, ?, ?, ?, ?)",
                    id,
                    organization, System.currentTimeMillis(), EvalStatus.QUEUED.key(), spec.request().toString(),
                    totalRows);
        });
    }

    Optional<Eval> eval(String id) {
        return database.one("select * from eval where id = ?", this::eval, id);
    }

    /**
     * Newest first.
     *
     * @param organization only those; {@code null} for all
     * @param after an id; those made before it
     */
    List<Eval> list(@Nullable String organization, @Nullable String after, int limit) {
        String start = after == null ? PAST_ALL_IDS : after;
        return organization == null
                ? database.list("select * from eval where id < ? order by id desc limit ?", this::eval, start, limit)
                : database.list("select * from eval where organization = ? and id < ? order by id desc limit ?",
                        this::eval, organization, start, limit);
    }

    List<Eval> unfinished() {
        return database.list("select * from eval where status in ('queued', 'running') order by id", this::eval);
    }

    boolean anyQueued() {
        return !database.list("select id from eval where status = 'queued' limit 1", row -> row.getString(1))
            .isEmpty();
    }

    /** An organization's evaluations that wait. */
    int waiting(String organization) {
        return database
            .one("select count(*) from eval where organization = ? and status = 'queued'", row -> row.getInt(1),
                    organization)
            .orElse(0);
    }

    /**
     * What a server that is gone left running waits again: it goes on after the rows that are stored.
     *
     * @param server that ran it; {@code null} for any
     */
    void recover(@Nullable String server) {
        database.change(connection -> {
            String update = "update eval set status = 'queued', permit = null where status = 'running'";
            if (server == null) {
                Database.execute(connection, update);
            } else {
                Database.execute(connection, update + " and server = ?", server);
            }
        });
    }

    /** The same for what lives under a permit. */
    void recoverHeld(String permit) {
        database.change(connection -> Database.execute(connection,
                "update eval set status = 'queued', permit = null where status = 'running' and permit = ?", permit));
    }

    /** Permits under which a server runs evaluations. */
    List<String> permits(String server) {
        return database.list("select permit from eval where status = 'running' and server = ? and permit is not null",
                row -> row.getString(1), server);
    }

    /**
     * Begins a run of the oldest queued evaluation of the organization whose turn it is: it is running and its epoch one higher.
     *
     * @param server that runs it
     * @param permit under which
     * @param threads of that server's engine, which its organization is charged for
     */
    Optional<Eval> claim(String server, String permit, int threads) {
        Optional<String> claimed = database.transaction(connection -> {
            usage.begin(connection, Use.EVAL);
            Map<String, String> oldest = new HashMap<>();
            Database.list(connection,
                    "select organization, min(id) as oldest from eval where status = 'queued' group by organization",
                    row -> oldest.put(row.getString("organization"), row.getString("oldest")));
            if (oldest.isEmpty()) {
                return Optional.empty();
            }
            long now = System.currentTimeMillis();
            String next = oldest.get(share.order(now, oldest, usage.standing(connection, now)).getFirst());
            int rows = Database.execute(connection,
                    "update eval set status = 'running', epoch = epoch + 1, server = ?, permit = ?, threads = ?, "
                            + "charged_at = ?, started_at = coalesce(started_at, ?) where id = ? and status = 'queued'",
                    server, permit, threads, now, now, next);
            return rows == 0 ? Optional.empty() : Optional.ofNullable(next);
        });
        return claimed.flatMap(this::eval);
    }

    /**
     * Rows of a run, and its figures with them.
     *
     * @return false when the evaluation is no longer this run's
     */
    boolean rows(Eval run, List<EvaluatedRow> rows, int completed, double seconds, JsonNode results) {
        // packed before the transaction, which keeps others from writing
        List<byte[]> packed = rows.stream().map(EvalRowFormat::packed).toList();
        return database.transaction(connection -> {
            if (Database.execute(connection,
                    "update eval set completed_rows = ?, seconds = ?, results = ?" + GUARD, completed, seconds,
                    results.toString(), run.id(), run.epoch()) == 0) {
                return false;
            }
            usage.charge(connection, Use.EVAL, run.id());
            for (int index = 0; index < rows.size(); index++) {
                Database.execute(connection, "insert into eval_result (eval_id, row_index, content) values (?, ?, ?)",
                        run.id(), rows.get(index).index(), packed.get(index));
            }
            return true;
        });
    }

    /** @param error why; {@code null} for success */
    boolean end(Eval run, @Nullable EvalError error) {
        EvalStatus status = error == null ? EvalStatus.SUCCEEDED : EvalStatus.FAILED;
        return database.transaction(connection -> {
            boolean changed = charged(connection, run) && Database.execute(connection,
                    "update eval set status = ?, finished_at = ?, error_code = ?, error_message = ?" + GUARD,
                    status.key(), System.currentTimeMillis(), error == null ? null : error.code(),
                    error == null ? null : error.message(), run.id(), run.epoch()) > 0;
            if (changed) {
                ended(connection, run.id(), status);
            }
            return changed;
        });
    }

    /** Inside the transaction that gives an evaluation this status. */
    private void ended(Connection connection, String eval, EvalStatus status) throws SQLException {
        if (status.ended()) {
            // in OpenAI's words, which spell it differently from those of jobs
            outbox.put(connection, "eval.run." + (status == EvalStatus.CANCELLED ? "canceled" : status.key()), eval);
        }
    }

    /** Gives a run up so that another goes on with it. */
    boolean interrupt(Eval run) {
        return database.transaction(connection -> charged(connection, run) && Database.execute(connection,
                "update eval set status = 'queued', permit = null" + GUARD, run.id(), run.epoch()) > 0);
    }

    /** @return false when the evaluation is no longer this run's */
    private boolean charged(Connection connection, Eval run) throws SQLException {
        if (Database.execute(connection, "update eval set epoch = epoch" + GUARD, run.id(), run.epoch()) == 0) {
            return false;
        }
        usage.charge(connection, Use.EVAL, run.id());
        return true;
    }

    /** @return whether it was in one of the expected states */
    boolean move(String id, Set<EvalStatus> from, EvalStatus to) {
        String in = from.stream().map(status -> "'" + status.key() + "'").collect(Collectors.joining(", "));
        return database.transaction(connection -> {
            if (!Database
                .list(connection, "select id from eval where id = ? and status = 'running'" + database.forUpdate(),
                        row -> row.getString(1), id)
                .isEmpty()) {
                usage.charge(connection, Use.EVAL, id);
            }
            boolean changed = Database.execute(connection,
                    "update eval set status = ?, finished_at = ? where id = ? and status in (" + in + ")", to.key(),
                    to.ended() ? System.currentTimeMillis() : null, id) > 0;
            if (changed) {
                ended(connection, id, to);
            }
            return changed;
        });
    }

    /**
     * Deletes an evaluation and its rows.
     *
     * @param besides in the same transaction
     * @return whether there was one that had ended
     */
    boolean delete(String id, Database.Change besides) {
        return database.transaction(connection -> {
            if (Database.list(connection,
                    "select id from eval where id = ? and status not in ('queued', 'running')",
                    row -> row.getString(1), id)
                .isEmpty()) {
                return false;
            }
            besides.in(connection);
            Database.execute(connection, "delete from eval_result where eval_id = ?", id);
            return Database.execute(connection, "delete from eval where id = ?", id) > 0;
        });
    }

    /** Rows behind an index, rising. */
    List<EvaluatedRow> rowsAfter(String id, int index, int limit) {
        return database.list(
                "select content from eval_result where eval_id = ? and row_index > ? order by row_index limit ?",
                row -> EvalRowFormat.unpacked(row.getBytes(1)), id, index, limit);
    }

    /** Takes rows one by one. */
    @FunctionalInterface
    interface RowConsumer<E extends Exception> {
        void accept(EvaluatedRow row) throws E;
    }

    /** All rows in their order, a few at a time in memory. */
    <E extends Exception> void forEachRow(String id, RowConsumer<E> consumer) throws E {
        int index = -1;
        List<EvaluatedRow> rows;
        do {
            rows = rowsAfter(id, index, ROWS_AT_ONCE);
            for (EvaluatedRow row : rows) {
                consumer.accept(row);
                index = row.index();
            }
        } while (rows.size() == ROWS_AT_ONCE);
    }

    private Eval eval(ResultSet row) throws SQLException {
        String results = row.getString("results");
        String errorCode = row.getString("error_code");
        try {
            return new Eval(row.getString("id"), row.getString("organization"), row.getLong("created_at"),
                    EvalStatus.of(row.getString("status")),
                    specs.read(JSON.readTree(row.getString("request"))).spec(), row.getLong("epoch"),
                    row.getInt("total_rows"), row.getInt("completed_rows"), row.getDouble("seconds"),
                    Database.nullableLong(row, "started_at"), Database.nullableLong(row, "finished_at"),
                    results == null ? null : JSON.readTree(results),
                    errorCode == null ? null : new EvalError(errorCode, row.getString("error_message")));
        } catch (JsonProcessingException e) {
            throw new SQLException("An evaluation's row has something that is not JSON.", e);
        }
    }
}
