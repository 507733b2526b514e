package dev.d3s.server.config;

/**
 * What clients of {@code /v1/completions} and {@code /v1/chat/completions} may take.
 *
 * @param slots completions of one model that are decoded together, at least 1
 * @param memory bytes for the keys and values of one model
 * @param queue completions of one model that may wait for a slot, at least 1
 * @param share of the time a running job generates that clients of its policy may take, 0 to 0.5
 */
public record ServingSettings(int slots, long memory, int queue, double share) {
    public static final ServingSettings DEFAULT = new ServingSettings(32, 2L << 30, 1024, 0.125);

    public ServingSettings {
        new SettingsCheck().require(slots >= 1, "d3s.serving.slots is " + slots + " but must be at least 1.")
            .require(memory >= 1 << 20, "d3s.serving.memory is " + memory + " but must be at least 1M.")
            .require(queue >= 1, "d3s.serving.queue is " + queue + " but must be at least 1.")
            .require(share >= 0 && share <= 0.5,
                    "d3s.serving.share is " + share + " but must lie between 0 and 0.5.")
            .orThrow();
    }
}
