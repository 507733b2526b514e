package dev.d3s.server.reward;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.Grade;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;

/**
 * Runs a job's grader: many completions at once, each with a time limit, one failure costing one rollout.
 *
 * <p>
 * In the loop it sits between generation and advantages and overlaps with the former: a {@link Round} takes each group as
 * soon as it is complete and is awaited when all have been submitted. Grades land by (group, index), so their order does
 * not depend on who was faster.
 *
 * <p>
 * Threads: {@link Round#submit} and {@link Round#await} from platform threads, such as the engine's and the training
 * thread. Each completion is scored on a virtual thread of its own, at most {@code concurrency} at once. One platform
 * thread of ours starts and interrupts them. A grader that computes without end occupies carrier threads, and a virtual
 * thread that waits for one keeps everybody queued behind it at a lock waiting: so the virtual threads take no lock of ours,
 * they hand in their outcome by compare-and-set and a lock-free queue. A scoring that has not ended a moment after its interrupt is abandoned: its rollout is ungraded, its place is free, its thread is
 * counted. From the first one on, this grader runs on platform threads, so that it takes no more carriers from the rest of
 * the server; and when {@value #MAXIMUM_ABANDONED} hang at once the step fails rather than leaking more.
 *
 * <p>
 * Whoever made it closes it; that closes the reward function too.
 */
public final class Grading implements AutoCloseable {
    /** Hanging threads after which a job is ended. */
    static final int MAXIMUM_ABANDONED = 256;

    /** What an interrupted scoring gets to clean up; less where the time limit itself is shorter. */
    private static final long GRACE_MILLISECONDS = 1000;
    private static final long MILLISECONDS_BETWEEN_QUESTIONS = 20;

    private static final Logger LOG = System.getLogger(Grading.class.getName());

    private final String grader;
    private final RewardFunction function;
    private final int concurrency;
    private final Duration timeLimit;
    private final Thread dispatcher;
    private final ThreadFactory virtualThreads;
    private final ThreadFactory platformThreads;

    /** Scorings whose thread has ended. Lock-free: scoring threads add, the dispatcher takes. */
    private final ConcurrentLinkedQueue<Scoring> ended = new ConcurrentLinkedQueue<>();

    /** Taken by platform threads only. */
    private final Object lock = new Object();
    // all guarded by lock
    private final ArrayDeque<Scoring> waiting = new ArrayDeque<>();
    private final List<Scoring> running = new ArrayList<>();
    private int abandoned;
    private boolean everAbandoned;
    private boolean closed;

    /**
     * @param grader name for messages and threads
     * @param function thread-safe; closed with this
     * @param concurrency scorings at once, at least 1
     * @param timeLimit of one scoring, positive
     */
    public Grading(String grader, RewardFunction function, int concurrency, Duration timeLimit) {
        if (concurrency < 1 || timeLimit.isNegative() || timeLimit.isZero()) {
            throw new IllegalArgumentException("concurrency " + concurrency + ", time limit " + timeLimit);
        }
        this.grader = grader;
        this.function = function;
        this.concurrency = concurrency;
        this.timeLimit = timeLimit;
        this.virtualThreads = Thread.ofVirtual().name("grade-" + grader + "-", 0).factory();
        this.platformThreads = Thread.ofPlatform().daemon().name("grade-" + grader + "-platform-", 0).factory();
        this.dispatcher = Thread.ofPlatform().daemon().name("grade-" + grader).start(this::dispatch);
    }

    /** Begins the grading of one step or evaluation. */
    public Round begin() {
        return new Round();
    }

    /** Threads that were interrupted at their limit and are still running. */
    public int abandoned() {
        synchronized (lock) {
            return abandoned;
        }
    }

    /** Interrupts what still runs, forgets what waits, and closes the reward function. Safe to call twice. */
    @Override
    public void close() {
        synchronized (lock) {
            if (closed) {
                return;
            }
            closed = true;
            List<Scoring> unfinished = new ArrayList<>(running);
            unfinished.addAll(waiting);
            waiting.clear();
            for (Scoring scoring : unfinished) {
                scoring.decide(Outcome.error("Grading was closed.", null));
                scoring.interrupt();
                scoring.release();
            }
        }
        LockSupport.unpark(dispatcher);
        // a reward function may close what hangs, such as a connection, and must not keep its caller from going on
        Thread closing = platformThreads.newThread(this::closeFunction);
        closing.start();
        try {
            if (!closing.join(timeLimit)) {
                LOG.log(Level.WARNING, "Grader ''{0}'' is still closing after {1} s and is left to itself.", grader,
                        seconds());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void closeFunction() {
        try {
            function.close();
        } catch (RuntimeException | LinkageError | StackOverflowError | AssertionError e) {
            LOG.log(Level.WARNING, "Grader '" + grader + "' failed to close.", e);
        }
    }

    private String seconds() {
        return String.valueOf(timeLimit.toMillis() / 1000.0);
    }

    /** The dispatcher's life: takes in what ended, gives up what is late, starts what waits, sleeps until one of them. */
    private void dispatch() {
        while (true) {
            long sleep;
            synchronized (lock) {
                if (closed) {
                    return;
                }
                for (Scoring scoring = ended.poll(); scoring != null; scoring = ended.poll()) {
                    scoring.threadEnded();
                }
                long now = System.nanoTime();
                sleep = Long.MAX_VALUE;
                for (Scoring scoring : List.copyOf(running)) {
                    sleep = Math.min(sleep, scoring.enforceLimit(now));
                }
                while (!waiting.isEmpty() && running.size() < concurrency) {
                    Scoring next = waiting.removeFirst();
                    running.add(next);
                    next.start(everAbandoned ? platformThreads : virtualThreads);
                    sleep = Math.min(sleep, timeLimit.toNanos());
                }
            }
            if (ended.isEmpty()) {
                LockSupport.parkNanos(this, sleep); // an unpark since the queue was looked at makes this return at once
            }
        }
    }

    /** One step's grading. */
    public final class Round {
        // guarded by lock
        private final TreeMap<Integer, List<Scoring>> groups = new TreeMap<>();
        private int open;

        private Round() {}

        /**
         * Takes a complete group; grading begins at once.
         *
         * @param group its index, submitted once
         * @param inputs {@code [G]}
         */
        public void submit(int group, List<RewardInput> inputs) {
            List<Scoring> scorings = inputs.stream().map(input -> new Scoring(this, input)).toList();
            synchronized (lock) {
                if (closed) {
                    throw new IllegalStateException("Grading is closed.");
                }
                if (groups.putIfAbsent(group, scorings) != null) {
                    throw new IllegalArgumentException("Group " + group + " was submitted before.");
                }
                open += scorings.size();
                waiting.addAll(scorings);
            }
            LockSupport.unpark(dispatcher);
        }

        /**
         * Waits until everything submitted is graded or given up.
         *
         * @throws D3sException when not one rollout could be graded, naming the grader and the first error, or when too
         *             many scorings hang
         * @throws InterruptedException when the waiting thread is interrupted; what still waits is then forgotten
         */
        public Grades await() throws InterruptedException {
            synchronized (lock) {
                try {
                    while (open > 0 && abandoned < MAXIMUM_ABANDONED) {
                        lock.wait();
                    }
                } catch (InterruptedException e) {
                    waiting.removeIf(scoring -> scoring.round == this);
                    throw e;
                }
                if (open > 0) {
                    waiting.removeIf(scoring -> scoring.round == this);
                    throw hanging();
                }
                return grades(true);
            }
        }

        /**
         * The same for a caller who may be told to stop.
         *
         * @param cancelled asked all the time
         * @throws CancellationException when cancelled or interrupted; what still waits is then forgotten
         */
        public Grades await(BooleanSupplier cancelled) {
            return await(cancelled, true);
        }

        /**
         * Waits like {@link #await}, for an evaluation: that nothing could be graded is an outcome like another, and waiting
         * ends when nobody wants the grades any more.
         *
         * @param cancelled asked all the time
         * @throws CancellationException when cancelled or interrupted; what still waits is then forgotten
         * @throws D3sException when too many scorings hang
         */
        public Grades awaitEach(BooleanSupplier cancelled) {
            return await(cancelled, false);
        }

        private Grades await(BooleanSupplier cancelled, boolean some) {
            synchronized (lock) {
                boolean unwanted = cancelled.getAsBoolean();
                try {
                    while (open > 0 && abandoned < MAXIMUM_ABANDONED && !unwanted) {
                        lock.wait(MILLISECONDS_BETWEEN_QUESTIONS);
                        unwanted = cancelled.getAsBoolean();
                    }
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    unwanted = true;
                }
                if (open > 0) {
                    waiting.removeIf(scoring -> scoring.round == this);
                }
                if (unwanted) {
                    throw new CancellationException("Nobody waits for these grades any more.");
                }
                if (open > 0) {
                    throw hanging();
                }
                return grades(some);
            }
        }

        private D3sException hanging() {
            return new D3sException(ErrorCategory.PLUGIN, "grader_hangs",
                    "Grader '" + grader + "' ignores interruption: " + abandoned
                            + " gradings went on after their limit of " + seconds()
                            + " s. Its author has to make it end when its thread is interrupted.");
        }

        /** @param some whether it is a failure when there are none */
        private Grades grades(boolean some) {
            double[][] reward = new double[groups.isEmpty() ? 0 : groups.lastKey() + 1][];
            Arrays.fill(reward, new double[0]);
            String[][] error = new String[reward.length][];
            Arrays.fill(error, new String[0]);
            List<List<Map<String, Double>>> partsOf = new ArrayList<>(Collections.nCopies(reward.length, List.of()));
            int rollouts = 0;
            int ungraded = 0;
            int timedOut = 0;
            Outcome first = null;
            Map<String, DoubleSummaryStatistics> parts = new TreeMap<>();
            for (Map.Entry<Integer, List<Scoring>> group : groups.entrySet()) {
                List<Scoring> scorings = group.getValue();
                reward[group.getKey()] = scorings.stream().mapToDouble(scoring -> scoring.outcome().reward()).toArray();
                error[group.getKey()] = scorings.stream()
                    .map(scoring -> Objects.requireNonNullElse(scoring.outcome().error(), ""))
                    .toArray(String[]::new);
                partsOf.set(group.getKey(), scorings.stream().map(scoring -> scoring.outcome().parts()).toList());
                rollouts += scorings.size();
                for (Scoring scoring : scorings) {
                    Outcome outcome = scoring.outcome();
                    outcome.parts()
                        .forEach((name, part) -> parts.computeIfAbsent(name, key -> new DoubleSummaryStatistics())
                            .accept(part));
                    if (Double.isNaN(outcome.reward())) {
                        ungraded++;
                        timedOut += outcome.timedOut() ? 1 : 0;
                        first = first == null ? outcome : first;
                    }
                }
            }
            if (some && first != null && ungraded == rollouts) {
                ErrorCategory category = first.failure() instanceof D3sException known
                        ? known.category()
                        : ErrorCategory.PLUGIN;
                throw new D3sException(category, "grading_failed", "Grader '" + grader + "' graded none of the "
                        + rollouts + " rollouts. The first error: " + first.error(), first.failure());
            }
            Map<String, Double> means = new TreeMap<>();
            parts.forEach((name, part) -> means.put(name, part.getAverage()));
            return new Grades(reward, error, rollouts, ungraded, timedOut, means, partsOf,
                    first == null ? null : first.error());
        }
    }

    /**
     * How a scoring ended.
     *
     * @param reward NaN when ungraded
     * @param parts of the reward, by name
     * @param error why it is ungraded
     */
    private record Outcome(double reward, Map<String, Double> parts, @Nullable String error,
            @Nullable Throwable failure, boolean timedOut) {
        static Outcome error(String message, @Nullable Throwable failure) {
            return new Outcome(Double.NaN, Map.of(), message, failure, false);
        }
    }

    /**
     * One completion on its way to a reward. It is decided once: by a reward, an error, or its limit; and it is released,
     * which frees its place, once: when its thread has ended or was given up.
     */
    private final class Scoring {
        private final Round round;
        private final RewardInput input;
        private final AtomicReference<@Nullable Outcome> decision = new AtomicReference<>();
        // all guarded by lock, which the scoring's own thread never takes
        private @Nullable Thread thread;
        private long deadline;
        private boolean interrupted;
        private boolean givenUp;
        private boolean released;

        Scoring(Round round, RewardInput input) {
            this.round = round;
            this.input = input;
        }

        // ---- on its own thread

        private void run() {
            try {
                if (decision.get() == null) {
                    decide(score());
                }
            } finally {
                ended.add(this);
                LockSupport.unpark(dispatcher);
            }
        }

        private Outcome score() {
            try {
                Grade grade = function.grade(input);
                return Double.isFinite(grade.reward())
                        ? new Outcome(grade.reward(), grade.parts(), null, null, false)
                        : Outcome.error("The reward is " + grade.reward() + ", not a finite number.", null);
            } catch (D3sException e) {
                return Outcome.error(e.text(), e);
            } catch (Throwable e) { // whatever a plugin throws costs its rollout and nothing else
                String type = e.getClass().getSimpleName();
                return Outcome.error(e.getMessage() == null ? type : type + ": " + e.getMessage(), e);
            }
        }

        /** The first decision stands. */
        void decide(Outcome outcome) {
            decision.compareAndSet(null, outcome);
        }

        // ---- under the lock

        void start(ThreadFactory threads) {
            // the limit counts from here and not from the thread's first instruction: where graders that never end hold
            // all carriers, that one never comes
            deadline = System.nanoTime() + timeLimit.toNanos();
            Thread worker = threads.newThread(this::run);
            thread = worker;
            try {
                worker.start();
            } catch (OutOfMemoryError e) { // the system has no more platform threads
                decide(Outcome.error("No thread could be started for grading: " + e.getMessage(), e));
                release();
            }
        }

        /** @return nanoseconds until this has to be asked again */
        long enforceLimit(long now) {
            if (now - deadline >= 0) {
                if (interrupted) {
                    givenUp = true;
                    everAbandoned = true;
                    abandoned++;
                    release();
                    return Long.MAX_VALUE;
                }
                decide(new Outcome(Double.NaN, Map.of(), "Grading took longer than its limit of " + seconds() + " s.",
                        null,
                        true));
                interrupt();
                interrupted = true;
                deadline = now + Math.min(GRACE_MILLISECONDS * 1_000_000, timeLimit.toNanos());
            }
            return deadline - now;
        }

        void interrupt() {
            if (thread != null) {
                thread.interrupt();
            }
        }

        void threadEnded() {
            if (givenUp) {
                abandoned--;
            }
            release();
        }

        void release() {
            if (!released) {
                released = true;
                running.remove(this);
                round.open--;
                lock.notifyAll();
            }
        }

        Outcome outcome() {
            Outcome outcome = decision.get();
            return outcome == null ? Outcome.error("Grading did not end.", null) : outcome;
        }
    }
}
