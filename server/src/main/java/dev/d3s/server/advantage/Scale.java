package dev.d3s.server.advantage;

/** What a group-centred reward is divided by. */
public enum Scale {
    /** The group's unbiased standard deviation (GRPO, arXiv 2402.03300). */
    GROUP,
    /** The unbiased standard deviation over the whole batch of group-centred rewards. */
    BATCH,
    /** Nothing (Dr. GRPO, arXiv 2503.20783). */
    NONE
}
