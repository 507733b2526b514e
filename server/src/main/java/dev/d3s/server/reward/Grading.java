package dev.d3s.server.reward;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
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
 * Threads: {@link Round#submit} from any thread, {@link Round#await} from the training thread. Each completion is scored
 * on a virtual thread of its own, at most {@code concurrency} at once. The clock that interrupts them is a platform
 * thread: a grader that computes without end occupies the carrier threads, and the clock must not wait for one. A scoring
 * that has not ended a moment after its interrupt is abandoned: its rollout is ungraded, its place is free, its thread is
 * counted. From the first one on, this grader runs on platform threads, so that it takes no more carriers from the rest of
 * the server; and when {@value #MAXIMUM_ABANDONED} hang at once the step fails rather than leaking more.
 *
 * <p>
 * Whoever made it closes it; that closes the reward function too.
 */
public final class Grading implements AutoCloseable {
    /** Hanging threads after which a job is ended. */
    static final int MAXIMUM_ABANDONED = 256;

    /** What an interrupted scoring gets to clean up, in milliseconds; less where the time limit itself is shorter. */
    private static final long GRACE = 1000;

    private static final Logger LOG = System.getLogger(Grading.class.getName());

    private final String grader;
    private final RewardFunction function;
    private final int concurrency;
    private final Duration timeLimit;
    private final ScheduledThreadPoolExecutor clock;
    private final ThreadFactory virtualThreads;
    private final ThreadFactory platformThreads;

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
        this.clock = new ScheduledThreadPoolExecutor(1,
                Thread.ofPlatform().daemon().name("grade-" + grader + "-clock").factory());
        clock.setRemoveOnCancelPolicy(true);
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
                scoring.decide(Double.NaN, "Grading was closed.", null);
                scoring.interrupt();
                scoring.release();
            }
        }
        clock.shutdownNow();
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

    /** Starts waiting scorings while there are free places. */
    private void startWaiting() {
        while (true) {
            Scoring next;
            ThreadFactory threads;
            synchronized (lock) {
                if (closed || waiting.isEmpty() || running.size() >= concurrency) {
                    return;
                }
                next = waiting.removeFirst();
                running.add(next);
                threads = everAbandoned ? platformThreads : virtualThreads;
            }
            next.start(threads);
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
            startWaiting();
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
                    throw new D3sException(ErrorCategory.PLUGIN, "grader_hangs",
                            "Grader '" + grader + "' ignores interruption: " + abandoned
                                    + " gradings went on after their limit of " + seconds()
                                    + " s. Its author has to make it end when its thread is interrupted.");
                }
                return grades();
            }
        }

        private Grades grades() {
            double[][] reward = new double[groups.isEmpty() ? 0 : groups.lastKey() + 1][];
            Arrays.fill(reward, new double[0]);
            int rollouts = 0;
            int ungraded = 0;
            int timedOut = 0;
            Scoring first = null;
            for (Map.Entry<Integer, List<Scoring>> group : groups.entrySet()) {
                List<Scoring> scorings = group.getValue();
                reward[group.getKey()] = scorings.stream().mapToDouble(scoring -> scoring.reward).toArray();
                rollouts += scorings.size();
                for (Scoring scoring : scorings) {
                    if (Double.isNaN(scoring.reward)) {
                        ungraded++;
                        timedOut += scoring.timedOut ? 1 : 0;
                        first = first == null ? scoring : first;
                    }
                }
            }
            if (first != null && ungraded == rollouts) {
                ErrorCategory category = first.failure instanceof D3sException known
                        ? known.category()
                        : ErrorCategory.PLUGIN;
                throw new D3sException(category, "grading_failed", "Grader '" + grader + "' graded none of the "
                        + rollouts + " rollouts. The first error: " + first.error, first.failure);
            }
            return new Grades(reward, rollouts, ungraded, timedOut, first == null ? null : first.error);
        }
    }

    /**
     * One completion on its way to a reward. It is decided once: by a reward, an error, or its limit; and it is released,
     * which frees its place, once: when its thread has ended or was given up.
     */
    private final class Scoring {
        private final Round round;
        private final RewardInput input;
        // all guarded by lock
        private @Nullable Thread thread;
        private @Nullable ScheduledFuture<?> alarm;
        private boolean decided;
        private boolean released;
        private boolean givenUp;
        private boolean timedOut;
        private double reward = Double.NaN;
        private @Nullable String error;
        private @Nullable Throwable failure;

        Scoring(Round round, RewardInput input) {
            this.round = round;
            this.input = input;
        }

        void start(ThreadFactory threads) {
            synchronized (lock) {
                if (decided) {
                    return;
                }
                Thread worker = threads.newThread(this::run);
                thread = worker;
                // the limit counts from here and not from the first instruction: where all carriers are taken by graders
                // that never end, that one never comes
                alarm = clock.schedule(this::reachLimit, timeLimit.toNanos(), TimeUnit.NANOSECONDS);
                worker.start();
            }
        }

        private void run() {
            try {
                boolean late;
                synchronized (lock) {
                    late = decided;
                }
                if (!late) {
                    score();
                }
            } finally {
                synchronized (lock) {
                    if (givenUp) {
                        abandoned--;
                    }
                    release();
                }
                startWaiting();
            }
        }

        private void score() {
            try {
                double scored = function.score(input);
                if (Double.isFinite(scored)) {
                    decide(scored, null, null);
                } else {
                    decide(Double.NaN, "The reward is " + scored + ", not a finite number.", null);
                }
            } catch (D3sException e) {
                decide(Double.NaN, e.text(), e);
            } catch (Throwable e) { // whatever a plugin throws costs its rollout and nothing else
                decide(Double.NaN, e.getMessage() == null
                        ? e.getClass().getSimpleName()
                        : e.getClass().getSimpleName() + ": " + e.getMessage(), e);
            }
        }

        private void reachLimit() {
            synchronized (lock) {
                if (closed || decided) {
                    return;
                }
                timedOut = true;
                decide(Double.NaN, "Grading took longer than its limit of " + seconds() + " s.", null);
                interrupt();
                alarm = clock.schedule(this::giveUp, Math.min(GRACE, Math.max(1, timeLimit.toMillis())),
                        TimeUnit.MILLISECONDS);
            }
        }

        private void giveUp() {
            synchronized (lock) {
                if (released) {
                    return;
                }
                givenUp = true;
                abandoned++;
                everAbandoned = true;
                release();
            }
            startWaiting();
        }

        void decide(double result, @Nullable String message, @Nullable Throwable cause) {
            synchronized (lock) {
                if (!decided) {
                    decided = true;
                    reward = result;
                    error = message;
                    failure = cause;
                }
            }
        }

        void interrupt() {
            synchronized (lock) {
                if (thread != null) {
                    thread.interrupt();
                }
            }
        }

        void release() {
            synchronized (lock) {
                if (released) {
                    return;
                }
                released = true;
                if (alarm != null) {
                    alarm.cancel(false);
                }
                running.remove(this);
                round.open--;
                lock.notifyAll();
            }
        }
    }
}
