package dev.d3s.server.share;

import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.config.QueueSettings;

/**
 * Which organization's turn it is: pure arithmetic over what is stored. The one that has used least is first, so that nobody
 * starves whoever else waits, and half of what was used is forgotten after a while.
 */
@Singleton
public final class FairShare {
    private final Duration halfLife;

    @Inject
    public FairShare(QueueSettings settings) {
        this.halfLife = settings.halfLife();
    }

    /**
     * What an organization has used.
     *
     * @param seconds of engines times their threads, as they were at a time
     * @param at that time, in milliseconds since 1970
     * @param tokens trained on today
     */
    public record Used(double seconds, long at, long tokens) {
        public static final Used NOTHING = new Used(0, 0, 0);
    }

    /**
     * A job or an evaluation that runs, on any server.
     *
     * @param chargedAt until when its time is in what its organization has used
     */
    public record Run(String organization, int threads, long chargedAt) {}

    /**
     * How organizations stand.
     *
     * @param used by those that have used something
     * @param runs whose time since they were charged comes to that
     */
    public record Standing(Map<String, Used> used, List<Run> runs) {
        public static final Standing NOTHING = new Standing(Map.of(), List.of());

        /** Tokens that an organization's jobs have trained on today. */
        public long tokens(String organization) {
            return used.getOrDefault(organization, Used.NOTHING).tokens();
        }
    }

    /** Seconds at a later time. */
    public double decayed(double seconds, long at, long now) {
        return seconds * Math.pow(0.5, Math.max(0, now - at) / (double) halfLife.toMillis());
    }

    /**
     * Organizations by their turn: whoever has used least, of those that have used the same whoever runs least, then whoever came first.
     *
     * @param waiting each organization with the id of what is next of its own; ids rise with time
     */
    public List<String> order(long now, Map<String, String> waiting, Standing standing) {
        Map<String, Double> seconds = new HashMap<>();
        Map<String, Integer> runs = new HashMap<>();
        waiting.keySet().forEach(organization -> {
            Used before = standing.used().getOrDefault(organization, Used.NOTHING);
            seconds.put(organization, decayed(before.seconds(), before.at(), now));
        });
        for (Run run : standing.runs()) {
            runs.merge(run.organization(), 1, Integer::sum);
            seconds.computeIfPresent(run.organization(), (organization, sum) -> sum
                    + Math.max(0, now - run.chargedAt()) / 1000.0 * Math.max(1, run.threads()));
        }
        return waiting.entrySet()
            .stream()
            .sorted(Comparator
                .comparingDouble((Map.Entry<String, String> entry) -> seconds.getOrDefault(entry.getKey(), 0.0))
                .thenComparingInt(entry -> runs.getOrDefault(entry.getKey(), 0))
                .thenComparing(Map.Entry::getValue))
            .map(Map.Entry::getKey)
            .toList();
    }
}
