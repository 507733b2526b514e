package dev.d3s.server.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

import org.junit.jupiter.api.Test;

import dev.d3s.server.config.OrganizationLimit;
import dev.d3s.server.config.QueueSettings;
import dev.d3s.server.job.Turns.Decision;
import dev.d3s.server.job.Turns.Room;
import dev.d3s.server.job.Turns.Running;
import dev.d3s.server.job.Turns.Waiting;
import dev.d3s.server.share.FairShare;
import dev.d3s.server.share.FairShare.Standing;
import dev.d3s.server.share.FairShare.Used;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class TurnsTest {
    private static final Room ROOM = new Room(4, 0);
    private static final Duration HALF_LIFE = Duration.ofHours(6);

    private static Turns turns(OrganizationLimit running, OrganizationLimit tokens) {
        QueueSettings settings = new QueueSettings(1, HALF_LIFE, OrganizationLimit.NONE, OrganizationLimit.NONE,
                running, tokens, OrganizationLimit.NONE);
        return new Turns(settings, new FairShare(settings));
    }

    private static Turns turns() {
        return turns(OrganizationLimit.NONE, OrganizationLimit.NONE);
    }

    private static Waiting job(String id, String organization) {
        return new Waiting(id, organization, 0, 1, 100);
    }

    private static String next(Decision decision) {
        Waiting job = decision.job();
        return job == null ? "nobody" : job.job();
    }

    /** A lab, second by second: servers with threads, organizations that send jobs, and the turns that they get. */
    private static final class Lab {
        private final Turns turns = turns();
        private final FairShare share = new FairShare(new QueueSettings(1, HALF_LIFE, OrganizationLimit.NONE,
                OrganizationLimit.NONE, OrganizationLimit.NONE, OrganizationLimit.NONE, OrganizationLimit.NONE));
        private final Random random;
        private final int slots;
        private final List<Waiting> waiting = new ArrayList<>();
        private final Map<Waiting, Long> began = new HashMap<>();
        private final Map<Waiting, Long> ends = new HashMap<>();
        private final Map<String, Used> used = new HashMap<>();
        private final Map<String, Double> seconds = new HashMap<>();
        private long longestWait;
        private long now = 1_000_000;
        private int jobs;

        Lab(int slots, long seed) {
            this.slots = slots;
            this.random = new Random(seed);
        }

        void send(String organization) {
            waiting.add(new Waiting("%08d".formatted(jobs++), organization, now, 1, 100));
        }

        long waiting(String organization) {
            return waiting.stream().filter(job -> job.organization().equals(organization)).count();
        }

        /** @param longest seconds of a job */
        void second(int longest) {
            now += 1000;
            for (Waiting ended : ends.entrySet()
                .stream()
                .filter(job -> job.getValue() <= now)
                .map(Map.Entry::getKey)
                .toList()) {
                long began = Objects.requireNonNull(this.began.remove(ended));
                ends.remove(ended);
                Used before = used.getOrDefault(ended.organization(), Used.NOTHING);
                used.put(ended.organization(),
                        new Used(share.decayed(before.seconds(), before.at(), now) + (now - began) / 1000.0,
                                now, 0));
            }
            waiting.sort(Comparator.comparing(Waiting::organization).thenComparing(Waiting::job));
            while (ends.size() < slots) {
                List<Running> running = ends.keySet()
                    .stream()
                    .map(job -> new Running(job.organization(), true, 1, 100))
                    .toList();
                List<FairShare.Run> runs = ends.keySet()
                    .stream()
                    .map(job -> new FairShare.Run(job.organization(), 1, began.getOrDefault(job, now)))
                    .toList();
                Waiting next = turns.next(now, waiting, running, new Standing(used, runs), new Room(slots, 0)).job();
                if (next == null) {
                    break;
                }
                waiting.remove(next);
                longestWait = Math.max(longestWait, now - next.queuedAt());
                began.put(next, now);
                ends.put(next, now + 1000L * (1 + random.nextInt(longest)));
            }
            ends.keySet().forEach(job -> seconds.merge(job.organization(), 1.0, Double::sum));
        }
    }

    /** Whatever the length of their jobs, organizations that always want more get the same, however many jobs they send. */
    @Property(tries = 8)
    void shouldShareBetweenAllThatAlwaysWant(@ForAll @IntRange(min = 2, max = 5) int organizations,
            @ForAll @IntRange(min = 1, max = 3) int slots, @ForAll long seed) {
        Lab lab = new Lab(slots, seed);
        int duration = 20_000;
        int longest = 120;
        for (int second = 0; second < duration; second++) {
            for (int organization = 0; organization < organizations; organization++) {
                // the first one floods the queue
                while (lab.waiting("organization-" + organization) < (organization == 0 ? 20 : slots)) {
                    lab.send("organization-" + organization);
                }
            }
            lab.second(longest);
        }
        // never further apart than what one job of each slot can make, and what is forgotten of that
        double apart = longest * (slots + 1.0);
        double bound = (apart + apart * Math.log(2) * duration / HALF_LIFE.toSeconds()) / (duration * (double) slots);
        assertThat(lab.seconds).hasSize(organizations);
        lab.seconds.values()
            .forEach(seconds -> assertThat(seconds / (duration * (double) slots)).isCloseTo(1.0 / organizations,
                    within(bound)));
    }

    /** Organizations come and go at random; as long as there is time for all, nobody waits for long. */
    @Property(tries = 8)
    void shouldStarveNobody(@ForAll @IntRange(min = 2, max = 8) int organizations, @ForAll long seed) {
        Lab lab = new Lab(2, seed);
        Random random = new Random(seed);
        int longest = 60;
        for (int second = 0; second < 10_000; second++) {
            // one wants everything, the others together a third of what there is
            while (lab.waiting("greedy") < 10) {
                lab.send("greedy");
            }
            if (random.nextDouble() < 2.0 / 3 / (longest / 2.0)) {
                lab.send("organization-" + random.nextInt(organizations));
            }
            lab.second(longest);
        }
        long waited = lab.waiting.stream()
            .filter(job -> !job.organization().equals("greedy"))
            .mapToLong(job -> lab.now - job.queuedAt())
            .max()
            .orElse(0);
        assertThat(waited).isLessThan(1000L * 20 * longest);
        assertThat(lab.longestWait).as("of the greedy one, too").isLessThan(1000L * 40 * longest);
        assertThat(lab.seconds.get("greedy")).as("the rest is its own").isGreaterThan(0.5 * 2 * 10_000);
    }

    @Test
    void shouldLetTheOneThatUsedLeastGoFirstAndForgetOverTime() {
        List<Waiting> waiting = List.of(job("1", "heavy"), job("2", "light"));
        long hour = Duration.ofHours(1).toMillis();
        Map<String, Used> used = Map.of("heavy", new Used(1000, 0, 0), "light", new Used(300, 10 * hour, 0));

        assertThat(next(turns().next(10 * hour, waiting, List.of(), new Standing(used, List.of()), ROOM)))
            .isEqualTo("2");
        // 1000 s of ten hours before are 315 s by then, 900 s are 283 s
        assertThat(next(turns().next(10 * hour, waiting, List.of(), new Standing(Map.of("heavy", new Used(900, 0, 0),
                "light", new Used(300, 10 * hour, 0)), List.of()), ROOM)))
            .isEqualTo("1");
        // what runs counts while it runs, be it an evaluation
        assertThat(next(turns().next(10 * hour, waiting, List.of(),
                new Standing(used, List.of(new FairShare.Run("light", 4, 10 * hour - 10_000))), ROOM)))
            .isEqualTo("1");
    }

    @Test
    void shouldKeepTheOrderOfAnOrganizationsQueue() {
        List<Waiting> waiting = List.of(job("3", "a"), job("1", "a"), job("2", "a"));
        assertThat(next(turns().next(0, waiting, List.of(), Standing.NOTHING, ROOM))).isEqualTo("3");
    }

    @Test
    void shouldHoldOrganizationsToTheirLimitsAndSayWhy() {
        Turns limited = turns(new OrganizationLimit(2L, Map.of()), new OrganizationLimit(null, Map.of("b", 500L)));
        List<Waiting> waiting = List.of(job("1", "a"), job("2", "b"), job("3", "c"));
        Running run = new Running("a", false, 1, 100);

        Decision decision = limited.next(0, waiting, List.of(run, run), new Standing(
                Map.of("b", new Used(0, 0, 500), "c", new Used(9, 0, 1_000_000)), List.of()), ROOM);

        assertThat(next(decision)).isEqualTo("3");
        assertThat(decision.waits()).containsOnly(
                Map.entry("1", "The job waits: 2 jobs of organization a run, which is its limit."),
                Map.entry("2",
                        "The job waits until 00:00 UTC: organization b has trained on 500 tokens today, and its limit "
                                + "is 500."));
    }

    @Test
    void shouldLetOthersPassWhatDoesNotFitButNotForever() {
        Waiting large = new Waiting("1", "a", 0, 1, 900);
        Waiting small = new Waiting("2", "a", 0, 1, 100);
        Waiting tooLarge = new Waiting("0", "a", 0, 1, 2000);
        List<Waiting> waiting = List.of(tooLarge, large, small);
        List<Running> running = List.of(new Running("b", true, 1, 300));
        Room room = new Room(4, 1000);

        assertThat(next(turns().next(Turns.PATIENCE, waiting, running, Standing.NOTHING, room))).isEqualTo("2");
        Decision later = turns().next(Turns.PATIENCE + 1, waiting, running, Standing.NOTHING, room);
        assertThat(next(later)).isEqualTo("nobody");
        assertThat(later.waits()).containsOnlyKeys("1");
        assertThat(next(turns().next(Turns.PATIENCE + 1, waiting, List.of(), Standing.NOTHING, room))).isEqualTo("1");
        assertThat(next(turns().next(Turns.PATIENCE + 1, List.of(tooLarge), List.of(), Standing.NOTHING, room)))
            .as("for a larger server")
            .isEqualTo("nobody");
    }

    @Test
    void shouldNotShareProcessorsThatAreTaken() {
        Waiting all = new Waiting("1", "a", 0, 4, 1);
        assertThat(next(turns().next(0, List.of(all), List.of(new Running("b", true, 1, 1)), Standing.NOTHING, ROOM)))
            .isEqualTo("nobody");
        assertThat(next(turns().next(0, List.of(all), List.of(new Running("b", false, 4, 1)), Standing.NOTHING, ROOM)))
            .as("on another server")
            .isEqualTo("1");
        Waiting more = new Waiting("1", "a", 0, 64, 1);
        assertThat(next(turns().next(0, List.of(more), List.of(), Standing.NOTHING, ROOM))).as("alone").isEqualTo("1");
    }
}
