package dev.d3s.server.rollout;

import java.util.BitSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;

/** How much clients have the engines do: completions that wait for a slot or are in one, and how long first tokens took. Thread-safe. */
public final class ServingLoad {
    private final AtomicLong waiting = new AtomicLong();
    private final AtomicLong running = new AtomicLong();
    private final LongAdder tokens = new LongAdder();
    private volatile LongConsumer firstTokens = nanoseconds -> {};

    /** One call's share; used by the call's thread. Closing it takes back what is left of it. */
    final class Call implements AutoCloseable {
        private final long began = System.nanoTime();
        private final int choices;
        private final BitSet begun = new BitSet();
        private final BitSet finished = new BitSet();

        private Call(int choices) {
            this.choices = choices;
            waiting.addAndGet(choices);
        }

        void token(int choice) {
            tokens.increment();
            begin(choice);
        }

        private void begin(int choice) {
            if (begun.get(choice)) {
                return;
            }
            if (begun.isEmpty()) {
                firstTokens.accept(System.nanoTime() - began);
            }
            begun.set(choice);
            waiting.decrementAndGet();
            running.incrementAndGet();
        }

        void finished(int choice) {
            begin(choice);
            if (!finished.get(choice)) {
                finished.set(choice);
                running.decrementAndGet();
            }
        }

        @Override
        public void close() {
            waiting.addAndGet(begun.cardinality() - choices);
            running.addAndGet(finished.cardinality() - begun.cardinality());
        }
    }

    Call begin(int choices) {
        return new Call(choices);
    }

    /** Completions that have no token yet. */
    public long waiting() {
        return waiting.get();
    }

    /** Completions that have some and want more. */
    public long running() {
        return running.get();
    }

    /** Tokens that were generated for clients since the start. */
    public long tokens() {
        return tokens.sum();
    }

    /** @param listener hears how many nanoseconds each call waited for its first token; replaces the last one */
    public void onFirstToken(LongConsumer listener) {
        firstTokens = listener;
    }
}
