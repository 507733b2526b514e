package dev.d3s.server.store;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.jboss.logging.Logger;

/** Does something again and again on a virtual thread of its own, whatever it throws, until it is closed. Thread-safe. */
public final class Watch implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(Watch.class);

    private final String name;
    private final Duration period;
    private final Runnable look;
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread thread;

    public Watch(String name, Duration period, Runnable look) {
        this.name = name;
        this.period = period;
        this.look = look;
        this.thread = Thread.ofVirtual().name(name).unstarted(this::watch);
    }

    public void start() {
        thread.start();
    }

    private void watch() {
        try {
            while (!closed.await(period.toMillis(), TimeUnit.MILLISECONDS)) {
                try {
                    look.run();
                } catch (RuntimeException e) { // the next look may find the database again
                    LOG.warnf("%s could not look: %s", name, e.getMessage());
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Begins no further look; one that is being taken goes on. */
    public void stop() {
        closed.countDown();
    }

    public boolean stopped() {
        return closed.getCount() == 0;
    }

    /** Waits for the end of the look that is being taken. */
    @Override
    public void close() {
        stop();
        if (thread.getState() == Thread.State.NEW) {
            return;
        }
        try {
            thread.join(Duration.ofSeconds(5));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
