package dev.d3s.server.wiring;

import java.time.Duration;

import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.store.Watch;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;

/**
 * Lets an idle executable give back what its start, or requests of long ago, left in Java's heap. Its collector begins when the
 * room for new objects is full, which of an idle server takes hours; so this collects once nothing much has happened for a
 * second, as G1 does for a JVM with {@code -XX:G1PeriodicGCInterval} (JEP 346). A heap that takes long to collect is left alone.
 */
@Singleton
final class IdleMemory {
    /** Bytes: what a server may use between two looks and still be called idle. */
    private static final long IDLE = 1 << 17;
    /** Bytes: what is worth a collection. */
    private static final long WORTH = 1 << 20;
    /** Bytes: the largest heap; its collection takes a few dozens of milliseconds at most. */
    private static final long SMALL = 64 << 20;
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);

    /** Java's objects. */
    interface Heap {
        /** Bytes of objects, those included that nothing needs. */
        long used();

        void collect();
    }

    private final Heap heap;
    private final Watch watch = new Watch("d3s-idle-memory", BETWEEN_LOOKS, this::look);
    /** At the last look. */
    private long usedBefore;
    /** The least since this began, or since the last collection: what is needed, as far as is known. */
    private long needed;

    @Inject
    IdleMemory() {
        this(new Heap() {
            @Override
            public long used() {
                return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
            }

            @Override
            public void collect() {
                System.gc();
            }
        });
    }

    IdleMemory(Heap heap) {
        this.heap = heap;
    }

    void start(@Observes StartupEvent event) {
        if ("runtime".equals(System.getProperty("org.graalvm.nativeimage.imagecode"))) {
            usedBefore = heap.used();
            watch.start();
        }
    }

    void stop(@Observes ShutdownEvent event) {
        watch.close();
    }

    /** Collects what may be garbage if the server has been idle since the last look. */
    void look() {
        long used = heap.used();
        boolean idle = used >= usedBefore && used - usedBefore < IDLE;
        if (idle && used - needed >= WORTH && used <= SMALL) {
            heap.collect();
            used = heap.used();
            needed = used;
        }
        needed = Math.min(needed, used);
        usedBefore = used;
    }
}
