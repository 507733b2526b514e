package dev.d3s.server.rollout;

/** Why a completion ended. */
public enum FinishReason {
    /** An end-of-sequence token was generated; it is the completion's last token. */
    STOP,
    /** The length limit or the end of the context was reached. */
    LENGTH,
    /** The listener asked to stop. */
    CANCELLED
}
