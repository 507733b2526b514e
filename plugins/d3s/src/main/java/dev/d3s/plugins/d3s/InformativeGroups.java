package dev.d3s.plugins.d3s;

import dev.d3s.spi.RolloutBatch;

/**
 * Which groups of a batch a policy can learn from.
 *
 * @param graded {@code [P]} whether the group has a rollout with a reward
 * @param informative {@code [P]} whether it has a graded rollout with an advantage other than 0
 */
record InformativeGroups(boolean[] graded, boolean[] informative) {
    static InformativeGroups of(RolloutBatch batch) {
        boolean[] graded = new boolean[batch.groupCount()];
        boolean[] informative = new boolean[batch.groupCount()];
        for (int i = 0; i < batch.size(); i++) {
            if (batch.graded(i)) {
                graded[batch.group()[i]] = true;
                informative[batch.group()[i]] |= batch.advantage()[i] != 0;
            }
        }
        return new InformativeGroups(graded, informative);
    }

    int gradedCount() {
        return count(graded);
    }

    /** The share of the graded groups that is informative; there must be one. */
    double ratio() {
        return (double) count(informative) / gradedCount();
    }

    private static int count(boolean[] groups) {
        int count = 0;
        for (boolean group : groups) {
            count += group ? 1 : 0;
        }
        return count;
    }
}
