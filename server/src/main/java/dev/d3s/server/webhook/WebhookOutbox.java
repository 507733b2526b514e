package dev.d3s.server.webhook;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.store.Database;
import dev.d3s.server.store.Identifiers;

/**
 * Reports to the webhook, from the transaction that ends a job or evaluation to the answer of whoever listens there. Several
 * servers may send from one table: each attempt is claimed first, for as long as it can take. Thread-safe.
 */
@Singleton
public final class WebhookOutbox {
    private static final String WAITING = "waiting";

    private final Database database;
    private final Identifiers identifiers;
    private volatile boolean open;

    @Inject
    public WebhookOutbox(Database database, Identifiers identifiers) {
        this.database = database;
        this.identifiers = identifiers;
    }

    /**
     * A report on its way.
     *
     * @param id the same in every attempt
     * @param createdAt milliseconds since 1970
     * @param type {@code fine_tuning.job.succeeded}
     * @param subject id of the job or evaluation
     * @param attempts begun, this one included
     */
    record Report(String id, long createdAt, String type, String subject, int attempts) {}

    /** From now on there is somebody to tell. */
    void open() {
        open = true;
    }

    /**
     * Inside the transaction that ends a job or evaluation; does nothing where there is nobody to tell.
     *
     * @param type {@code fine_tuning.job.succeeded}
     * @param subject id of the job or evaluation
     */
    public void put(Connection connection, String type, String subject) throws SQLException {
        if (!open) {
            return;
        }
        long now = System.currentTimeMillis();
        Database.execute(connection,
                "insert into webhook_report (id, created_at, type, subject, status, next_attempt_at) "
                        + "values (?, ?, ?, ?, ?, ?)",
                identifiers.next("evt").replace('-', '_'), now, type, subject, WAITING, now);
    }

    /** Reports to be sent now, oldest first, which no other server sends before {@code until}. */
    List<Report> claim(int limit, long now, long until) {
        return database
            .list("select * from webhook_report where status = ? and next_attempt_at <= ? and claimed_until <= ? "
                    + "order by next_attempt_at, id limit ?", WebhookOutbox::report, WAITING, now, now, limit)
            .stream()
            .filter(report -> changed("update webhook_report set claimed_until = ?, attempts = attempts + 1 "
                    + "where id = ? and status = ? and attempts = ? and claimed_until <= ?", until, report.id(),
                    WAITING,
                    report.attempts(), now))
            .map(report -> new Report(report.id(), report.createdAt(), report.type(), report.subject(),
                    report.attempts() + 1))
            .toList();
    }

    void delivered(Report report) {
        changed("update webhook_report set status = 'delivered', claimed_until = 0, ended_at = ?, last_error = null "
                + "where id = ? and status = ?", System.currentTimeMillis(), report.id(), WAITING);
    }

    void tryAgain(Report report, long at, String error) {
        changed("update webhook_report set next_attempt_at = ?, claimed_until = 0, last_error = ? "
                + "where id = ? and status = ? and attempts = ?", at, error, report.id(), WAITING, report.attempts());
    }

    /** @return whether it was still waiting, and nobody else tries again */
    boolean givenUp(Report report, String error) {
        return changed("update webhook_report set status = 'given_up', claimed_until = 0, ended_at = ?, last_error = ? "
                + "where id = ? and status = ? and attempts = ?", System.currentTimeMillis(), error, report.id(),
                WAITING,
                report.attempts());
    }

    /** Reports that failed at least once and wait, and why the last of them did. */
    record Trouble(long reports, String lastError) {}

    @Nullable
    Trouble trouble() {
        List<String> errors = database.list(
                "select last_error from webhook_report where status = ? and last_error is not null "
                        + "order by next_attempt_at desc limit 100",
                row -> row.getString(1), WAITING);
        return errors.isEmpty() ? null : new Trouble(errors.size(), errors.getFirst());
    }

    /** Forgets what ended before then. */
    void forget(long before) {
        changed("delete from webhook_report where status <> ? and ended_at < ?", WAITING, before);
    }

    private boolean changed(String sql, @Nullable Object... arguments) {
        return database.transaction(connection -> Database.execute(connection, sql, arguments) > 0);
    }

    private static Report report(ResultSet row) throws SQLException {
        return new Report(row.getString("id"), row.getLong("created_at"), row.getString("type"),
                row.getString("subject"), row.getInt("attempts"));
    }
}
