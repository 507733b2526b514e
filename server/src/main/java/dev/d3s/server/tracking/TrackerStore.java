package dev.d3s.server.tracking;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.store.Database;

/** How far the trackers of jobs, which are stored with them, have been told. One server at a time tells a tracker: it claims it first. Thread-safe. */
@Singleton
final class TrackerStore {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Database database;

    @Inject
    TrackerStore(Database database) {
        this.database = database;
    }

    /**
     * A tracker with news.
     *
     * @param position in the job's integrations
     * @param remoteId what the tracker keeps the run under; {@code null} before the first step
     * @param sentStep the last step it has; -2 for none
     * @param sentNames the metrics of that step that it has
     * @param seenEvent the event up to which it has everything
     * @param lastEvent the job's newest event
     * @param failures in a row
     * @param failingSince milliseconds since 1970 of the first of them
     * @param claimedUntil by this server, which may say what became of it while nobody else has claimed it
     */
    record Tracker(String job, int position, @Nullable String remoteId, int sentStep, Set<String> sentNames,
            long seenEvent, long lastEvent, int failures, @Nullable Long failingSince, long claimedUntil) {
        private Tracker claimed(long until) {
            return new Tracker(job, position, remoteId, sentStep, sentNames, seenEvent, lastEvent, failures,
                    failingSince, until);
        }
    }

    /**
     * The metrics of one step.
     *
     * @param at when it was reported, in milliseconds since 1970
     * @param event that reported it; 0 when that was seen before
     */
    record Step(int step, long at, long event, Map<String, Double> metrics) {}

    private record Report(long sequence, long at) {}

    /** Trackers whose job has news, which no other server tells before {@code until}. */
    List<Tracker> claim(int limit, long now, long until) {
        return database
            .list("select t.*, j.last_event from job_tracker t join job j on j.id = t.job_id "
                    + "where t.closed = 0 and t.claimed_until <= ? and j.last_event > t.seen_event "
                    + "order by t.claimed_until, t.job_id, t.position limit ?", TrackerStore::tracker, now, limit)
            .stream()
            .filter(tracker -> changed(tracker, "claimed_until = ?", until))
            .map(tracker -> tracker.claimed(until))
            .toList();
    }

    /** Up to so many steps, from the last one that a tracker has. */
    List<Step> steps(Tracker tracker, int limit) {
        Map<Integer, Map<String, Double>> metrics = new TreeMap<>();
        int from = Math.max(-1, tracker.sentStep());
        database.list(
                "select step, name, value from job_metric where job_id = ? and step >= ? and step < ? order by step",
                row -> metrics.computeIfAbsent(row.getInt("step"), step -> new TreeMap<>())
                    .put(row.getString("name"), row.getDouble("value")) == null,
                tracker.job(), from, from + limit);
        if (metrics.isEmpty()) {
            return List.of();
        }
        // a step can be reported twice, and then it is the second time that counts
        Map<Integer, Report> reports = new LinkedHashMap<>();
        database.list("select sequence, created_at, data from job_event where job_id = ? and type = 'metrics' "
                + "and sequence > ? order by sequence limit ?",
                row -> reports.put(step(row.getString("data")),
                        new Report(row.getLong("sequence"), row.getLong("created_at"))) == null,
                tracker.job(), tracker.seenEvent(), 3 * limit);
        List<Step> steps = new ArrayList<>();
        long now = System.currentTimeMillis();
        metrics.forEach((step, values) -> {
            Report report = reports.getOrDefault(step, new Report(0, now));
            steps.add(new Step(step, report.at(), report.sequence(), values));
        });
        return steps;
    }

    /** The newest step that has metrics; -2 for none. */
    int lastStep(String job) {
        return database.list("select coalesce(max(step), -2) as last_step from job_metric where job_id = ?",
                row -> row.getInt("last_step"), job)
            .getFirst();
    }

    private static int step(@Nullable String data) throws SQLException {
        try {
            return data == null ? Integer.MIN_VALUE : JSON.readTree(data).path("step").asInt(Integer.MIN_VALUE);
        } catch (JsonProcessingException e) {
            throw new SQLException("An event's data is not JSON.", e);
        }
    }

    /**
     * What a tracker has now.
     *
     * @param seenEvent the job's newest event that nothing is missing of
     */
    void told(Tracker tracker, @Nullable String remoteId, int sentStep, Set<String> sentNames, long seenEvent,
            boolean closed) {
        changed(tracker, "remote_id = ?, sent_step = ?, sent_names = ?, seen_event = ?, closed = ?, failures = 0, "
                + "last_error = null, failing_since = null, claimed_until = 0", remoteId, sentStep,
                String.join(",", sentNames), seenEvent, closed ? 1 : 0);
    }

    /** A tracker that failed, to be tried again at that time. */
    void failed(Tracker tracker, @Nullable String remoteId, String error, long again, boolean closed) {
        changed(tracker, "remote_id = ?, failures = failures + 1, last_error = ?, "
                + "failing_since = coalesce(failing_since, ?), claimed_until = ?, closed = ?",
                remoteId,
                error, System.currentTimeMillis(), again, closed ? 1 : 0);
    }

    /** A tracker that was not told after all: whoever serves next does it at once. */
    void release(Tracker tracker) {
        changed(tracker, "claimed_until = 0");
    }

    /** The error of a tracker that fails at this moment, and how many do. */
    @Nullable
    String trouble() {
        List<String> errors = database.list(
                "select last_error from job_tracker where closed = 0 and failures > 0 order by failing_since limit 100",
                row -> row.getString(1));
        return errors.isEmpty()
                ? null
                : errors.size() + (errors.size() == 1 ? " tracker fails: " : " trackers fail: ") + errors.getFirst();
    }

    /** @return whether it is as it was when it was read or claimed, and not somebody else's by now */
    private boolean changed(Tracker tracker, String set, @Nullable Object... arguments) {
        @Nullable
        Object[] all = Arrays.copyOf(arguments, arguments.length + 3);
        all[arguments.length] = tracker.job();
        all[arguments.length + 1] = tracker.position();
        all[arguments.length + 2] = tracker.claimedUntil();
        return database.transaction(connection -> Database.execute(connection,
                "update job_tracker set " + set
                        + " where closed = 0 and job_id = ? and position = ? and claimed_until = ?",
                all) > 0);
    }

    private static Tracker tracker(ResultSet row) throws SQLException {
        String names = row.getString("sent_names");
        return new Tracker(row.getString("job_id"), row.getInt("position"), row.getString("remote_id"),
                row.getInt("sent_step"),
                names == null || names.isEmpty() ? Set.of() : new TreeSet<>(Arrays.asList(names.split(","))),
                row.getLong("seen_event"), row.getLong("last_event"), row.getInt("failures"),
                Database.nullableLong(row, "failing_since"), row.getLong("claimed_until"));
    }
}
