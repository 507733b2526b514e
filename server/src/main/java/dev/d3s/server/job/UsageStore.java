package dev.d3s.server.job;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.store.Database;

/** What organizations have used: the time of engines, of which half is forgotten after a while, and tokens of a day. Thread-safe. */
final class UsageStore {
    private final Database database;
    private final Turns turns;

    UsageStore(Database database, Turns turns) {
        this.database = database;
        this.turns = turns;
    }

    /** Days of UTC since 1970. */
    static int day(long now) {
        return (int) TimeUnit.MILLISECONDS.toDays(now);
    }

    /**
     * Charges an organization for its job's run since the last time, inside the transaction that stores what came of it.
     *
     * @param trained tokens that the job has trained on by now; {@code null} when that is not said
     */
    void charge(Connection connection, String job, @Nullable Long trained) throws SQLException {
        long now = System.currentTimeMillis();
        record Share(String organization, double seconds, long tokens) {}
        List<Share> shares = Database.list(connection,
                "select organization, threads, charged_at, trained_tokens from job where id = ?" + database.forUpdate(),
                row -> {
                    Long before = Database.nullableLong(row, "charged_at");
                    double seconds = before == null ? 0 : Math.max(0, now - before) / 1000.0;
                    long tokens = trained == null ? 0 : Math.max(0, trained - row.getLong("trained_tokens"));
                    return new Share(row.getString("organization"), seconds * Math.max(1, row.getInt("threads")),
                            tokens);
                }, job);
        for (Share share : shares) {
            Database.execute(connection, "update job set charged_at = ? where id = ?", now, job);
            addSeconds(connection, share.organization(), share.seconds(), now);
            if (share.tokens() > 0) {
                Database.execute(connection,
                        "insert into organization_tokens (organization, day, tokens) values (?, ?, ?) "
                                + "on conflict (organization, day) do update set tokens = organization_tokens.tokens + "
                                + "excluded.tokens",
                        share.organization(), day(now), share.tokens());
            }
        }
    }

    private void addSeconds(Connection connection, String organization, double seconds, long now) throws SQLException {
        Database.execute(connection,
                "insert into organization_usage (organization, seconds, updated_at) values (?, 0, ?) "
                        + "on conflict (organization) do nothing",
                organization, now);
        List<Double> before = Database.list(connection,
                "select seconds, updated_at from organization_usage where organization = ?" + database.forUpdate(),
                row -> turns.decayed(row.getDouble("seconds"), row.getLong("updated_at"), now), organization);
        Database.execute(connection, "update organization_usage set seconds = ?, updated_at = ? where organization = ?",
                before.getFirst() + seconds, now, organization);
    }

    /** Of every organization that has used something. */
    Map<String, Turns.Used> used(Connection connection, long now) throws SQLException {
        Map<String, Long> tokens = new HashMap<>();
        Database.list(connection, "select organization, tokens from organization_tokens where day = ?",
                row -> tokens.put(row.getString("organization"), row.getLong("tokens")), day(now));
        Map<String, Turns.Used> used = new HashMap<>();
        Database.list(connection, "select organization, seconds, updated_at from organization_usage",
                row -> used.put(row.getString("organization"),
                        new Turns.Used(row.getDouble("seconds"), row.getLong("updated_at"),
                                tokens.getOrDefault(row.getString("organization"), 0L))));
        return used;
    }

    /** Tokens that an organization's jobs have trained on today. */
    long tokensToday(String organization) {
        return database
            .one("select tokens from organization_tokens where organization = ? and day = ?", row -> row.getLong(1),
                    organization, day(System.currentTimeMillis()))
            .orElse(0L);
    }
}
