package dev.d3s.server.job;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.share.FairShare;
import dev.d3s.server.share.FairShare.Standing;

/**
 * Which job is next: pure arithmetic over what is stored. Organizations come in the order of {@link FairShare}; of an
 * organization's jobs, the one with the highest priority, then the oldest. What does not fit beside the jobs that a server runs
 * lets others pass, but not for longer than {@link #PATIENCE}: then the server waits for room.
 */
final class Turns {
    /** How long a job lets others pass. */
    static final long PATIENCE = 10 * 60 * 1000L;
    /** Jobs of an organization that are told why they wait. */
    private static final int TOLD = 20;

    private final QueueSettings settings;
    private final FairShare share;

    Turns(QueueSettings settings, FairShare share) {
        this.settings = settings;
        this.share = share;
    }

    /**
     * A job that waits, in the order of its organization's queue.
     *
     * @param queuedAt since when
     * @param memory bytes it needs beside others
     */
    record Waiting(String job, String organization, long queuedAt, int threads, long memory) {}

    /** A job that runs, on any server. */
    record Running(String organization, boolean here, int threads, long memory) {}

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

    Decision next(long now, List<Waiting> waiting, List<Running> running, Standing standing, Room room) {
        Map<String, List<Waiting>> queues = new LinkedHashMap<>();
        waiting.forEach(job -> queues.computeIfAbsent(job.organization(), organization -> new ArrayList<>()).add(job));
        Map<String, String> first = new HashMap<>();
        queues.forEach((organization, queue) -> first.put(organization, queue.getFirst().job()));
        Map<String, Integer> runs = new HashMap<>();
        running.forEach(job -> runs.merge(job.organization(), 1, Integer::sum));
        Map<String, String> waits = new LinkedHashMap<>();
        for (String organization : share.order(now, first, standing)) {
            List<Waiting> queue = queues.getOrDefault(organization, List.of());
            String limit = limit(organization, runs.getOrDefault(organization, 0), standing.tokens(organization));
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
