package dev.d3s.server.config;

import java.time.Duration;

/**
 * How much the server takes on for one client, or before it answers.
 *
 * @param checkedAtOnce bytes of a data set that is read through before its job is accepted; larger ones are read afterwards
 * @param json bytes of a request that is not an upload
 * @param patience how long the content of a request may make next to no progress
 * @param streams live event streams at one time
 */
public record RequestLimits(long checkedAtOnce, long json, Duration patience, int streams) {
    public static final RequestLimits DEFAULT = new RequestLimits(64L << 20, 16L << 20, Duration.ofSeconds(60), 1000);

    public RequestLimits {
        new SettingsCheck()
            .require(json >= 1024 && json <= 1 << 30,
                    "d3s.requests.limit is " + json + " bytes but must be from 1K to 1G.")
            .require(patience.isPositive(), "d3s.requests.patience is " + patience
                    + " but must be longer than nothing, such as PT60S.")
            .require(streams >= 1, "d3s.events.streams is " + streams + " but must be at least 1.")
            .orThrow();
    }
}
