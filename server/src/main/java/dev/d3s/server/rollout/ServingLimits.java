package dev.d3s.server.rollout;

/**
 * What clients may take of an engine.
 *
 * @param slots most completions that are decoded together
 * @param memory bytes of keys and values that the prompts and completions in these slots may need
 * @param waiting most completions that wait for a slot; further ones are refused
 * @param share of the time of a generate call that clients of a running job's policy may take, 0 to 0.5
 */
public record ServingLimits(int slots, long memory, int waiting, double share) {
    public ServingLimits {
        if (slots < 1 || memory < 1 || waiting < 1 || !(share >= 0 && share <= 0.5)) {
            throw new IllegalArgumentException(
                    "Slots, memory and waiting start at 1, the share lies between 0 and 0.5: "
                            + slots + ", " + memory + ", " + waiting + ", " + share);
        }
    }
}
