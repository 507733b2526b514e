package dev.d3s.server.plugin;

import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.Grade;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.SelectorMetrics;

/**
 * Stands between the server and one plugin: runs its code, for no longer than a limit, and turns what goes wrong inside into
 * errors that name it. Thread-safe; one for each plugin, whatever the number of jobs that use it.
 *
 * <p>
 * The code runs on a daemon thread, which nothing else uses meanwhile, and the caller waits. At the limit the thread is
 * interrupted; if it goes on all the same it is left to itself, because Java cannot end it, and counted: a plugin of which
 * {@value #MAXIMUM_HANGING} calls hang is not called any more, so that it cannot take the machine's processors one by one.
 */
final class PluginGuard {
    /** Hanging calls of one plugin after which it is no longer called. */
    static final int MAXIMUM_HANGING = 4;

    /** What an interrupted call gets to end; less where the limit itself is shorter. */
    private static final long GRACE_MILLISECONDS = 1000;

    /** Of all guards: a thread is there again for other calls when its call has ended, and goes when there are none. */
    private static final ExecutorService THREADS = Executors.newCachedThreadPool(PluginGuard::daemon);

    private final String title;
    private final Duration limit;
    private final AtomicInteger hanging = new AtomicInteger();
    private final LongAdder failures = new LongAdder();

    /**
     * @param title as it begins a message: {@code Rollout selector 'all'}
     * @param limit of one call, positive
     */
    PluginGuard(String title, Duration limit) {
        this.title = title;
        this.limit = limit;
    }

    private static Thread daemon(Runnable code) {
        return Thread.ofPlatform().daemon().unstarted(code);
    }

    static PluginGuard of(PluginKind kind, String name, Duration limit) {
        String words = kind.words();
        return new PluginGuard(Character.toUpperCase(words.charAt(0)) + words.substring(1) + " '" + name + "'", limit);
    }

    /**
     * Runs the plugin's code. What it throws comes out as an error that names it and keeps a category it gave; one that
     * describes mistakes in a configuration comes out as it is.
     *
     * @throws D3sException of the plugin itself, or with code {@code plugin_failed} or {@code plugin_timed_out}
     * @throws CancellationException when the caller is interrupted while it waits
     */
    <T> T call(Supplier<T> code) {
        if (hanging.get() >= MAXIMUM_HANGING) {
            failures.increment();
            throw new D3sException(ErrorCategory.PLUGIN, "plugin_timed_out", title + " is not called any more: "
                    + hanging.get() + " earlier calls still run although they were interrupted at their limit of "
                    + seconds() + " s. Its author has to mend this; restart the server to be rid of them.");
        }
        Call<T> call = new Call<>(code);
        THREADS.execute(call);
        try {
            return call.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            throw thrown(Objects.requireNonNull(e.getCause()));
        } catch (TimeoutException late) {
            call.cancel(true);
            leave(call);
            failures.increment();
            throw new D3sException(ErrorCategory.PLUGIN, "plugin_timed_out", title + " took longer than its limit of "
                    + seconds() + " s (d3s.plugins.timeout) and was interrupted. Its author has to make it faster.",
                    late);
        } catch (InterruptedException e) {
            call.cancel(true);
            Thread.currentThread().interrupt();
            CancellationException cancelled = new CancellationException(title + " was abandoned.");
            cancelled.initCause(e);
            throw cancelled;
        }
    }

    /** Waits a little for the end of a call that was interrupted, and counts it where it does not end. */
    private void leave(Call<?> call) {
        boolean ended = false;
        try {
            ended = call.ended.await(Math.min(GRACE_MILLISECONDS, Math.max(1, limit.toMillis())),
                    TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (!ended) {
            hanging.incrementAndGet();
            if (call.ends.getAndIncrement() == 1) { // it ended in this very moment
                hanging.decrementAndGet();
            }
        }
    }

    /** One call, on one of the threads. */
    private final class Call<T> extends FutureTask<T> {
        private final @Nullable ClassLoader loader = Thread.currentThread().getContextClassLoader();
        private final AtomicInteger ends = new AtomicInteger();
        private final CountDownLatch ended = new CountDownLatch(1);

        Call(Supplier<T> code) {
            super(code::get);
        }

        @Override
        public void run() {
            Thread thread = Thread.currentThread();
            thread.setName("plugin " + title);
            thread.setContextClassLoader(loader);
            super.run();
            if (ends.getAndIncrement() == 1) {
                hanging.decrementAndGet();
            }
            ended.countDown();
            thread.setContextClassLoader(null);
            thread.setName("plugins, idle");
        }
    }

    private String seconds() {
        return String.valueOf(limit.toMillis() / 1000.0);
    }

    private RuntimeException thrown(Throwable e) {
        return switch (e) {
            case InvalidConfigException invalid -> invalid;
            case D3sException known -> named(known);
            case RuntimeException failure -> failed(failure);
            case LinkageError failure -> failed(failure);
            case StackOverflowError failure -> failed(failure);
            case AssertionError failure -> failed(failure);
            case Error error -> throw error;
            default -> failed(e);
        };
    }

    /** Calls that failed, took too long, or broke the contract, since the start. */
    long failures() {
        return failures.sum();
    }

    /** The plugin answered, and the answer is not allowed. */
    D3sException broken(String what) {
        failures.increment();
        return new D3sException(ErrorCategory.PLUGIN, "plugin_broke_contract",
                title + " broke its contract: " + what + " Its author has to mend this.");
    }

    D3sException named(D3sException e) {
        failures.increment();
        return new D3sException(e.category(), e.code(), title + ": " + e.text(), e);
    }

    D3sException failed(Throwable e) {
        failures.increment();
        return new D3sException(ErrorCategory.PLUGIN, "plugin_failed", title + " failed: " + e, e);
    }

    /** Holds what a selector reports to its contract. */
    void checkMetrics(Map<String, Double> metrics) {
        if (metrics.size() > SelectorMetrics.MAXIMUM) {
            throw broken("it reported " + metrics.size() + " metrics, more than " + SelectorMetrics.MAXIMUM + ".");
        }
        metrics.forEach((name, value) -> {
            if (!SelectorMetrics.isName(name)) {
                throw broken("it reported a metric named '" + name
                        + "'; a name has 1 to 40 lower-case letters, digits and _, and begins with a letter.");
            }
            if (!Double.isFinite(value)) {
                throw broken("it reported " + name + " = " + value + ".");
            }
        });
    }

    /** Holds the parts of a grade to their contract. */
    void checkParts(Map<String, Double> parts) {
        if (parts.size() > Grade.MAXIMUM_PARTS) {
            throw broken("its grade has " + parts.size() + " parts, more than " + Grade.MAXIMUM_PARTS + ".");
        }
        parts.forEach((name, value) -> {
            if (name == null || !Grade.isPartName(name)) {
                throw broken("its grade has a part named '" + name
                        + "'; a name has 1 to 40 letters, digits and _, and begins with a letter.");
            }
            if (value == null || !Double.isFinite(value)) {
                throw broken("its grade has the part " + name + " = " + value + ".");
            }
        });
    }
}
