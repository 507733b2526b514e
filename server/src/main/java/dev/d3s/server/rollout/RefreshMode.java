package dev.d3s.server.rollout;

/** How new weights reach the rollout engine. */
public enum RefreshMode {
    /** The session reads the trainer's memory: refreshing costs nothing, matrix products are not prepacked. */
    IN_PLACE,
    /** The session is made anew with prepacked weights: costs a copy per refresh, decodes faster. */
    RECREATE
}
