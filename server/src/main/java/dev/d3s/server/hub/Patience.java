package dev.d3s.server.hub;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.hub.HubFailures.Passing;

/**
 * How long to go on with a request that fails in passing: a number of attempts in a row, with pauses that double, or as long as the
 * hub asks for. A byte of progress starts the count again. One per request, used by its thread.
 */
final class Patience {
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);
    /** A hub that asks for more than this is not waited for. */
    private static final Duration LONGEST_ASKED = Duration.ofMinutes(10);

    private final HubSettings settings;
    private final Sleeper sleeper;
    private int failures;

    Patience(HubSettings settings, Sleeper sleeper) {
        this.settings = settings;
        this.sleeper = sleeper;
    }

    /** Waits. */
    @FunctionalInterface
    interface Sleeper {
        void sleep(Duration duration) throws InterruptedException;
    }

    /** There was progress. */
    void refresh() {
        failures = 0;
    }

    /** Attempts that have failed since there was progress. */
    int failures() {
        return failures;
    }

    /**
     * Waits before the next attempt.
     *
     * @return false when there should be none
     */
    boolean next(IOException failure) throws InterruptedException {
        failures++;
        Duration asked = failure instanceof Passing passing ? passing.retryAfter() : null;
        if (failures >= settings.attempts() || (asked != null && asked.compareTo(LONGEST_ASKED) > 0)) {
            return false;
        }
        sleeper.sleep(pause(asked));
        return true;
    }

    private Duration pause(@Nullable Duration asked) {
        if (asked != null) {
            return asked;
        }
        Duration doubled = settings.firstPause().multipliedBy(1L << Math.min(failures - 1, 20));
        Duration pause = doubled.compareTo(LONGEST_PAUSE) < 0 ? doubled : LONGEST_PAUSE;
        // many clients of a hub that comes back do not all come at once
        return pause.plus(pause.multipliedBy(ThreadLocalRandom.current().nextInt(100)).dividedBy(400));
    }
}
