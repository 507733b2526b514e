package dev.d3s.server.event;

/** Hears the events of a job or model as they happen. */
public interface Follower {
    /** @return false to stop following */
    boolean event(JobEvent event);

    /**
     * Called when it has been quiet for a while.
     *
     * @return false to stop following
     */
    boolean quiet();
}
