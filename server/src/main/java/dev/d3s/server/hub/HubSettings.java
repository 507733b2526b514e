package dev.d3s.server.hub;

import java.net.URI;
import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * Which hub, and how patiently.
 *
 * @param endpoint where it is, with a path when it stands behind one
 * @param token sent to the endpoint and to nobody else; {@code null} for none
 * @param parallelFiles files that are downloaded at once
 * @param idle how long an answer may be silent before the connection counts as lost
 * @param attempts how often in a row a request may fail without a byte of progress
 * @param firstPause before the second attempt; it doubles with each further one
 */
public record HubSettings(URI endpoint, @Nullable String token, int parallelFiles, Duration idle, int attempts,
        Duration firstPause) {
    /** Patient enough for a bad line. */
    public static HubSettings of(URI endpoint, @Nullable String token) {
        return new HubSettings(endpoint, token, 4, Duration.ofSeconds(30), 6, Duration.ofSeconds(1));
    }

    /** Without the token, which has no business in a log. */
    @Override
    public String toString() {
        return "HubSettings[endpoint=" + endpoint + ", token=" + (token == null ? "none" : "given") + "]";
    }
}
