package dev.d3s.server.job;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.QueueSettings;

/**
 * Whose turn it is: pure arithmetic over what is stored. The organization that has used least is first, so that nobody starves
 * whoever else waits; of an organization's jobs, the one with the highest priority, then the oldest. What does not fit beside
 * the jobs that a server runs lets others pass, but not for longer than {@link #PATIENCE}: then the server waits for room.
 */
final class Turns {
    /** How long a job lets others pass. */
    static final long PATIENCE = 10 * 60 * 1000L;
    /** Jobs of an organization that are told why they wait. */
    private static final int TOLD = 20;

    private final QueueSettings settings;

    Turns(QueueSettings settings) {
        this.settings = settings;
    }

    /**
     * A job that waits, in the order of its organization's queue.
     *
     * @param queuedAt since when
     * @param memory bytes it needs beside others
     */
    record Waiting(String job, String organization, long queuedAt, int threads, long memory) {}

    /**
     * A job that runs, on any server.
     *
     * @param chargedAt until when its time is in what its organization has used
     */
    record Running(String organization, boolean here, int threads, long memory, long chargedAt) {}

    /**
     * What an organization has used.
     *
     * @param seconds of engines, as they were at a time
     * @param at that time
     * @param tokens trained on today
     */
    record Used(double seconds, long at, long tokens) {
        static final Used NOTHING = new Used(0, 0, 0);
    }

    /**
     * What this server has for jobs.
     *
     * @param memory bytes, 0 where nothing bounds it
     */
    record Room(int threads, long memory) {}

    /**
     * Who is next.
     *
     * @param job {@code null} when nobody is
     * @param waits why jobs wait although it might be their turn
     */
    record Decision(@Nullable Waiting job, Map<String, String> waits) {}

    /** Seconds at a later time. */
    double decayed(double seconds, long at, long now) {
        return seconds * Math.pow(0.5, Math.max(0, now - at) / (double) settings.halfLife().toMillis());
    }

    Decision next(long now, List<Waiting> waiting, List<Running> running, Map<String, Used> used, Room room) {
        Map<String, List<Waiting>> queues = new LinkedHashMap<>();
        waiting.forEach(job -> queues.computeIfAbsent(job.organization(), organization -> new ArrayList<>()).add(job));
        Map<String, Double> seconds = new HashMap<>();
        Map<String, Integer> runs = new HashMap<>();
        queues.keySet().forEach(organization -> {
            Used before = used.getOrDefault(organization, Used.NOTHING);
            seconds.put(organization, decayed(before.seconds(), before.at(), now));
        });
        for (Running job : running) {
            runs.merge(job.organization(), 1, Integer::sum);
            seconds.computeIfPresent(job.organization(),
                    (organization, sum) -> sum
                            + Math.max(0, now - job.chargedAt()) / 1000.0 * Math.max(1, job.threads()));
        }
        List<String> order = queues.keySet()
            .stream()
            .sorted(Comparator.comparingDouble((String organization) -> seconds.getOrDefault(organization, 0.0))
                .thenComparingInt(organization -> runs.getOrDefault(organization, 0))
                .thenComparing(organization -> queues.getOrDefault(organization, List.of()).getFirst().job()))
            .toList();
        Map<String, String> waits = new LinkedHashMap<>();
        for (String organization : order) {
            List<Waiting> queue = queues.getOrDefault(organization, List.of());
            String limit = limit(organization, runs.getOrDefault(organization, 0),
                    used.getOrDefault(organization, Used.NOTHING).tokens());
            if (limit != null) {
                queue.stream().limit(TOLD).forEach(job -> waits.put(job.job(), limit));
                continue;
            }
            for (Waiting job : queue) {
                Fit fit = fit(job, running, room);
                if (fit == Fit.NOW) {
                    return new Decision(job, waits);
                }
                if (fit == Fit.LATER && now - job.queuedAt() > PATIENCE) {
                    waits.put(job.job(), "The job waits for room on a server beside the jobs that run.");
                    return new Decision(null, waits);
                }
            }
        }
        return new Decision(null, waits);
    }

    private @Nullable String limit(String organization, int runs, long tokens) {
        if (runs >= settings.running().of(organization)) {
            return "The job waits: " + runs + " jobs of organization " + organization + " run, which is its limit.";
        }
        return tokens >= settings.tokens().of(organization)
                ? "The job waits until 00:00 UTC: organization " + organization + " has trained on " + tokens
                        + " tokens today, and its limit is " + settings.tokens().of(organization) + "."
                : null;
    }

    /** Whether there is room. */
    private enum Fit {
        NOW, LATER, NEVER
    }

    private static Fit fit(Waiting job, List<Running> running, Room room) {
        if (room.memory() > 0 && job.memory() > room.memory()) {
            return Fit.NEVER; // it was accepted by a larger server
        }
        List<Running> here = running.stream().filter(Running::here).toList();
        long memory = here.stream().mapToLong(Running::memory).sum();
        int threads = here.stream().mapToInt(Running::threads).sum();
        boolean fits = (room.memory() == 0 || memory + job.memory() <= room.memory())
                && (here.isEmpty() || threads + job.threads() <= room.threads());
        return fits ? Fit.NOW : Fit.LATER;
    }
}
