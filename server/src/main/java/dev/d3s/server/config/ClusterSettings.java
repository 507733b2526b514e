package dev.d3s.server.config;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;

/**
 * How this server is one of several on one database.
 *
 * @param name of this server; no other on the database has it
 * @param heartbeat a server that runs something says so this often; after four silent ones it is taken for dead
 */
public record ClusterSettings(String name, Duration heartbeat) {
    /** What db-scheduler stores of a name. */
    private static final int LONGEST_NAME = 50;
    private static final Duration SHORTEST = Duration.ofMillis(100);

    /** What a server is called that nobody named. */
    static String machine() {
        try {
            String name = InetAddress.getLocalHost().getHostName();
            return name.substring(0, Math.min(name.length(), LONGEST_NAME));
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }

    public ClusterSettings {
        SettingsCheck check = new SettingsCheck();
        check.require(!name.isBlank() && name.length() <= LONGEST_NAME, "d3s.cluster.name is '" + name
                + "' but must have 1 to " + LONGEST_NAME + " characters.");
        check.require(heartbeat.compareTo(SHORTEST) >= 0,
                "d3s.cluster.heartbeat is " + heartbeat + " but must be at least PT0.1S.");
        check.orThrow();
    }
}
