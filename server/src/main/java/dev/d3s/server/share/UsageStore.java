package dev.d3s.server.share;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.share.FairShare.Run;
import dev.d3s.server.share.FairShare.Standing;
import dev.d3s.server.share.FairShare.Used;
import dev.d3s.server.store.Database;

/**
 * What organizations have used: the time of engines, of which half is forgotten after a while, and tokens of a day. Jobs and
 * evaluations are charged from their rows' {@code threads} and {@code charged_at}. Thread-safe.
 */
@Singleton
public final class UsageStore {
    private final Database database;
    private final FairShare share;

    @Inject
    public UsageStore(Database database, FairShare share) {
        this.database = database;
        this.share = share;
    }

    /** What uses engines. */
    public enum Use {
        JOB("job", 1), EVAL("eval", 2);

        private final String table;
        private final int turn;

        Use(String table, int turn) {
            this.table = table;
            this.turn = turn;
        }
    }

    /** Days of UTC since 1970. */
    public static int day(long now) {
        return (int) TimeUnit.MILLISECONDS.toDays(now);
    }

    /** At the beginning of the transaction that takes what is next: one server after the other, so that limits and turns hold. */
    public void begin(Connection connection, Use use) throws SQLException {
        Database.list(connection, "select id from queue_turn where id = ?" + database.forUpdate(), row -> row.getInt(1),
                use.turn);
    }

    /** Charges an organization for a run since the last time, inside the transaction that stores what came of it. */
    public void charge(Connection connection, Use use, String id) throws SQLException {
        long now = System.currentTimeMillis();
        List<Run> runs = Database.list(connection,
                "select organization, threads, charged_at from " + use.table
                        + " where id = ? and charged_at is not null" + database.forUpdate(),
                UsageStore::run, id);
        for (Run run : runs) {
            Database.execute(connection, "update " + use.table + " set charged_at = ? where id = ?", now, id);
            addSeconds(connection, run.organization(),
                    Math.max(0, now - run.chargedAt()) / 1000.0 * Math.max(1, run.threads()), now);
        }
    }

    /** Adds tokens that an organization's job has trained on. */
    public void addTokens(Connection connection, String organization, long tokens) throws SQLException {
        if (tokens > 0) {
            Database.execute(connection,
                    "insert into organization_tokens (organization, day, tokens) values (?, ?, ?) "
                            + "on conflict (organization, day) do update set tokens = organization_tokens.tokens + "
                            + "excluded.tokens",
                    organization, day(System.currentTimeMillis()), tokens);
        }
    }

    private void addSeconds(Connection connection, String organization, double seconds, long now) throws SQLException {
        Database.execute(connection,
                "insert into organization_usage (organization, seconds, updated_at) values (?, 0, ?) "
                        + "on conflict (organization) do nothing",
                organization, now);
        List<Double> before = Database.list(connection,
                "select seconds, updated_at from organization_usage where organization = ?" + database.forUpdate(),
                row -> share.decayed(row.getDouble("seconds"), row.getLong("updated_at"), now), organization);
        Database.execute(connection, "update organization_usage set seconds = ?, updated_at = ? where organization = ?",
                before.getFirst() + seconds, now, organization);
    }

    /** How organizations stand, with what jobs and evaluations use at this moment. */
    public Standing standing(Connection connection, long now) throws SQLException {
        Map<String, Long> tokens = new HashMap<>();
        Database.list(connection, "select organization, tokens from organization_tokens where day = ?",
                row -> tokens.put(row.getString("organization"), row.getLong("tokens")), day(now));
        Map<String, Used> used = new HashMap<>();
        tokens.forEach((organization, today) -> used.put(organization, new Used(0, now, today)));
        Database.list(connection, "select organization, seconds, updated_at from organization_usage",
                row -> used.put(row.getString("organization"),
                        new Used(row.getDouble("seconds"), row.getLong("updated_at"),
                                tokens.getOrDefault(row.getString("organization"), 0L))));
        return new Standing(used, Database.list(connection, running(Use.JOB) + " union all " + running(Use.EVAL),
                UsageStore::run));
    }

    private static String running(Use use) {
        return "select organization, threads, charged_at from " + use.table
                + " where status = 'running' and charged_at is not null";
    }

    private static Run run(ResultSet row) throws SQLException {
        return new Run(row.getString("organization"), row.getInt("threads"), row.getLong("charged_at"));
    }

    /** Tokens that an organization's jobs have trained on today. */
    public long tokensToday(String organization) {
        return database
            .one("select tokens from organization_tokens where organization = ? and day = ?", row -> row.getLong(1),
                    organization, day(System.currentTimeMillis()))
            .orElse(0L);
    }
}
