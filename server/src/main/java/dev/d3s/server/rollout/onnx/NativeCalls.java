package dev.d3s.server.rollout.onnx;

import java.util.concurrent.CancellationException;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Calls into ONNX Runtime, and the end of the process: its memory disappears then, and a thread still inside would crash it. When
 * the process is told to end, a shutdown hook waits for the calls that run and lets no further ones begin. One for the process,
 * thread-safe, never closed.
 */
final class NativeCalls {
    private final ReadWriteLock calls = new ReentrantReadWriteLock();
    private volatile boolean stopping;

    /** Something that calls ONNX Runtime. */
    @FunctionalInterface
    interface Call<T, E extends Exception> {
        T run() throws E;
    }

    /**
     * Runs a call.
     *
     * @throws CancellationException when the process is ending
     */
    <T, E extends Exception> T run(Call<T, E> call) throws E {
        // Fails only when the hook waits or has been there: other calls share the lock.
        if (stopping || !calls.readLock().tryLock()) {
            throw ending();
        }
        try {
            if (stopping) {
                throw ending();
            }
            return call.run();
        } finally {
            calls.readLock().unlock();
        }
    }

    private static CancellationException ending() {
        return new CancellationException("The server is stopping.");
    }

    /** Returns when no call runs; none will afterwards. */
    void finishBeforeExit() {
        stopping = true;
        // Never released: whoever comes later is told, and the process ends.
        calls.writeLock().lock();
    }
}
