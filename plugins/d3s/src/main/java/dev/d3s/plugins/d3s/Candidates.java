package dev.d3s.plugins.d3s;

import dev.d3s.spi.RolloutBatch;

/** Which graded rollouts a selector chooses from. Ungraded ones are never candidates. */
public enum Candidates {
    /** Those with an advantage other than 0: the others add nothing but KL. */
    INFORMATIVE,
    /** All of those groups in which some advantage is not 0. */
    OF_INFORMATIVE_GROUPS,
    /** All. */
    GRADED;

    /** {@code [R]} whether the rollout is a candidate. */
    boolean[] of(RolloutBatch batch) {
        boolean[] informative = InformativeGroups.of(batch).informative();
        boolean[] candidates = new boolean[batch.size()];
        for (int i = 0; i < candidates.length; i++) {
            candidates[i] = batch.graded(i) && switch (this) {
                case INFORMATIVE -> batch.advantage()[i] != 0;
                case OF_INFORMATIVE_GROUPS -> informative[batch.group()[i]];
                case GRADED -> true;
            };
        }
        return candidates;
    }
}
