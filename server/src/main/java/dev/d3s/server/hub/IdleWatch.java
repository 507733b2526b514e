package dev.d3s.server.hub;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * Reads a body and gives up when nothing comes for a while: a stream by itself would wait for ever. A thread of its own watches
 * and closes the body, which lets the reader go.
 */
final class IdleWatch implements AutoCloseable {
    private final InputStream body;
    private final Duration idle;
    private final Thread watcher;
    private volatile long heard = System.nanoTime();
    private volatile boolean gaveUp;

    IdleWatch(InputStream body, Duration idle) {
        this.body = body;
        this.idle = idle;
        this.watcher = Thread.ofVirtual().name("d3s-hub-idle").start(this::watch);
    }

    /** As {@link InputStream#read(byte[])}. */
    int read(byte[] buffer) throws IOException {
        try {
            int count = body.read(buffer);
            heard = System.nanoTime();
            if (count < 0 && gaveUp) {
                throw silence(null);
            }
            return count;
        } catch (IOException e) {
            throw gaveUp ? silence(e) : e;
        }
    }

    byte[] readAtMost(int limit) throws IOException {
        byte[] buffer = new byte[1 << 16];
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int count = read(buffer); count >= 0; count = read(buffer)) {
            all.write(buffer, 0, count);
            if (all.size() > limit) {
                throw new IOException("the answer has more than " + HubFailures.size(limit));
            }
        }
        return all.toByteArray();
    }

    private IOException silence(@Nullable IOException cause) {
        return new IOException("nothing came for " + idle.toMillis() / 1000.0 + " s", cause);
    }

    private void watch() {
        try {
            long silent = 0;
            while (silent < idle.toNanos()) {
                Thread.sleep(Duration.ofNanos(idle.toNanos() - silent));
                silent = System.nanoTime() - heard;
            }
            gaveUp = true;
            body.close();
        } catch (InterruptedException e) {
            // the body was read
        } catch (IOException e) {
            // the reader hears of it
        }
    }

    @Override
    public void close() {
        watcher.interrupt();
    }
}
