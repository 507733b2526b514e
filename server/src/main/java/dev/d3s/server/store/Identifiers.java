package dev.d3s.server.store;

import java.security.SecureRandom;

import jakarta.inject.Singleton;

/**
 * Ids that rise with time: a prefix, 48 bits of milliseconds, and 70 random ones, in 24 characters whose alphabetical order is
 * the order in which they were made. Thread-safe.
 */
@Singleton
public final class Identifiers {
    private static final String ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
    private static final int RANDOM_CHARACTERS = 14;
    private static final int TIME_CHARACTERS = 10;

    private final SecureRandom random = new SecureRandom();
    private long lastTime;
    private long lastHigh;

    /** @param prefix without its dash */
    public synchronized String next(String prefix) {
        long time = System.currentTimeMillis();
        // within a millisecond, or when the clock goes back, the random part counts up instead
        if (time <= lastTime) {
            time = lastTime;
            lastHigh++;
        } else {
            lastHigh = random.nextLong() >>> 30;
        }
        lastTime = time;
        StringBuilder text = new StringBuilder(prefix).append('-');
        append(text, time, TIME_CHARACTERS);
        append(text, lastHigh, RANDOM_CHARACTERS / 2);
        append(text, random.nextLong() >>> 29, RANDOM_CHARACTERS / 2);
        return text.toString();
    }

    private static void append(StringBuilder text, long value, int characters) {
        for (int shift = (characters - 1) * 5; shift >= 0; shift -= 5) {
            text.append(ALPHABET.charAt((int) (value >>> shift) & 31));
        }
    }
}
