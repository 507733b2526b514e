package dev.d3s.server.store;

/**
 * Work on a thread of its own, so that whoever stops it interrupts nothing else. {@link #run} is for the thread that waits for
 * its end; {@link #stop} and {@link #join} are for any.
 */
public final class Stoppable {
    private final Thread thread;
    private volatile boolean stopped;

    /** @param builder of the thread */
    public Stoppable(Thread.Builder builder, Runnable work) {
        this.thread = builder.unstarted(work);
    }

    /** Does the work, to whatever end; work that was stopped before has to find that out. */
    public void run() {
        thread.start();
        join();
    }

    /** Interrupts it, for good. */
    public void stop() {
        stopped = true;
        thread.interrupt();
    }

    public boolean stopped() {
        return stopped;
    }

    /** Waits for its end; whoever interrupts that stops it, too. */
    public void join() {
        try {
            thread.join();
        } catch (InterruptedException e) {
            stop();
            Thread.currentThread().interrupt();
        }
    }
}
