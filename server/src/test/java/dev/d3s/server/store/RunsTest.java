package dev.d3s.server.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.config.ClusterSettings;

@Timeout(30)
class RunsTest {
    @TempDir
    Path home;

    /** One piece of work, which waits, is held, or is done. */
    private static final class OneThing implements Runs.Kind<String> {
        final BlockingQueue<String> events = new LinkedBlockingQueue<>();
        final Set<String> held = ConcurrentHashMap.newKeySet();
        final CountDownLatch lost = new CountDownLatch(1);
        /** Whether a run waits to be told that it is over, or else whether its end is stored. */
        volatile boolean waits;
        volatile boolean stored;
        private boolean queued = true;

        @Override
        public synchronized boolean waiting() {
            return queued;
        }

        @Override
        public synchronized @Nullable String claim(String permit) {
            if (!queued) {
                return null;
            }
            queued = false;
            held.add(permit);
            return permit;
        }

        @Override
        public void run(String run) {
            events.add("run");
            try {
                if (waits) {
                    lost.await();
                    events.add("ended");
                } else if (stored) {
                    held.remove(run);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void stop(String run) {
            lost.countDown();
        }

        @Override
        public Collection<String> held() {
            return List.copyOf(held);
        }

        @Override
        public void lost(String run) {
            lost.countDown();
        }

        @Override
        public void orphaned(String permit) {
            events.add("orphaned");
        }

        @Override
        public synchronized void unrecorded(String permit) {
            events.add("unrecorded");
            stored = true;
            held.remove(permit);
            queued = true;
        }

        String next() throws InterruptedException {
            return String.valueOf(events.poll(20, TimeUnit.SECONDS));
        }
    }

    private Runs<String> started(OneThing thing) {
        Runs<String> runs = new Runs<>(new Database(TestDatabase.SQLITE.open(home)), "job_permit",
                new ClusterSettings("one", Duration.ofMillis(250)), "d3s-things", 1, Duration.ofSeconds(5), thing);
        runs.start(() -> {});
        return runs;
    }

    /** As after an outage of the database. */
    @Test
    void shouldRunAgainWhatEndedWithoutBeingStored() throws Exception {
        OneThing thing = new OneThing();
        try (Runs<String> runs = started(thing)) {
            assertThat(thing.next()).isEqualTo("run");
            assertThat(thing.next()).isEqualTo("unrecorded");
            runs.wake();
            assertThat(thing.next()).isEqualTo("run");
        }
        assertThat(thing.held).isEmpty();
    }

    @Test
    void shouldEndWhatWasTakenAway() throws Exception {
        OneThing thing = new OneThing();
        thing.waits = true;
        try (Runs<String> runs = started(thing)) {
            assertThat(thing.next()).isEqualTo("run");
            runs.among(running -> assertThat(running).hasSize(1));

            thing.held.clear();

            assertThat(thing.next()).isEqualTo("ended");
        }
    }
}
