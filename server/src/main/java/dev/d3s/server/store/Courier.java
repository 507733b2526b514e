package dev.d3s.server.store;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

import dev.d3s.spi.OutgoingClient;

/**
 * Brings what waits in the database to another service: looks for it again and again, with a client that is open until
 * {@link #close}. What breaks off then is known to be no failure, because {@link #closed} says so before. Thread-safe.
 */
public final class Courier implements AutoCloseable {
    private final Watch watch;
    private final Look look;
    private final OutgoingClient client;

    /** Looks for what there is to bring, on the courier's thread. */
    @FunctionalInterface
    public interface Look {
        void look(OutgoingClient client) throws InterruptedException;
    }

    /**
     * @param name of the thread
     * @param period between two looks
     * @param patience for a connection
     */
    public Courier(String name, Duration period, Duration patience, Look look) {
        this.client = new OutgoingClient(patience);
        this.look = look;
        this.watch = new Watch(name, period, this::look);
    }

    public void start() {
        watch.start();
    }

    private void look() {
        try {
            look.look(client);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Does something with each of a few at the same time, each on a virtual thread, and waits for all. */
    public static <T> void each(List<T> some, Consumer<T> action) throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        for (T one : some) {
            threads.add(Thread.ofVirtual().start(() -> action.accept(one)));
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    public boolean closed() {
        return watch.stopped();
    }

    /** Breaks off what is under way. */
    @Override
    public void close() {
        watch.stop();
        client.close();
        watch.close();
    }
}
