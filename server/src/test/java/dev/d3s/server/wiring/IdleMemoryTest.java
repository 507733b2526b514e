package dev.d3s.server.wiring;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class IdleMemoryTest {
    private static final long MEGABYTE = 1 << 20;

    /** Bytes that are needed, and garbage. */
    private long needed;
    private long garbage;
    private int collections;
    private final IdleMemory memory = new IdleMemory(new IdleMemory.Heap() {
        @Override
        public long used() {
            return needed + garbage;
        }

        @Override
        public void collect() {
            collections++;
            garbage = 0;
        }
    });

    @Test
    void shouldCollectWhatTheStartLeftOnceItIsQuiet() {
        startAndRest();
    }

    private void startAndRest() {
        needed = 2 * MEGABYTE;
        garbage = 6 * MEGABYTE;
        memory.look();
        assertThat(collections).as("just used").isZero();
        garbage += 1000;
        memory.look();
        assertThat(collections).as("quiet since").isEqualTo(1);
    }

    @Test
    void shouldCollectAgainOnlyWhenItIsWorthIt() {
        startAndRest();
        for (int probe = 0; probe < 9; probe++) {
            garbage += MEGABYTE / 10;
            memory.look();
        }
        assertThat(collections).as("0.9 MB of probes").isEqualTo(1);
        garbage += MEGABYTE / 10 + 10;
        memory.look();
        assertThat(collections).isEqualTo(2);
    }

    @Test
    void shouldNotDisturbABusyServer() {
        startAndRest();
        for (int request = 0; request < 20; request++) {
            garbage += 2 * MEGABYTE;
            if (garbage > 8 * MEGABYTE) {
                garbage = request * 1000L; // by the collector itself
            }
            memory.look();
        }
        assertThat(collections).isEqualTo(1);
        memory.look();
        assertThat(collections).as("quiet again").isEqualTo(2);
    }

    /** Else a server that keeps more than it did would be collected at every look. */
    @Test
    void shouldAcceptThatMoreIsNeededThanBefore() {
        startAndRest();
        needed += 20 * MEGABYTE;
        memory.look();
        memory.look();
        assertThat(collections).isEqualTo(2);
        memory.look();
        memory.look();
        assertThat(collections).isEqualTo(2);
    }

    @Test
    void shouldLeaveALargeHeapAlone() {
        needed = 60 * MEGABYTE;
        garbage = 5 * MEGABYTE;
        memory.look();
        memory.look();
        assertThat(collections).isZero();
    }
}
