package dev.d3s.server.plugin;

import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;

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
 * The code runs on a daemon thread of its own while the caller waits. At the limit the thread is interrupted; if it goes on
 * all the same it is left to itself, because Java cannot end it, and counted: a plugin of which {@value #MAXIMUM_HANGING}
 * calls hang is not called any more, so that it cannot take the machine's processors one by one.
 */
final class PluginGuard {
    /** Hanging calls of one plugin after which it is no longer called. */
    static final int MAXIMUM_HANGING = 4;

    /** What an interrupted call gets to end; less where the limit itself is shorter. */
    private static final long GRACE_MILLISECONDS = 1000;

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
        CompletableFuture<T> answer = new CompletableFuture<>();
        AtomicInteger ends = new AtomicInteger();
        Thread thread = Thread.ofPlatform().daemon().name("plugin " + title).unstarted(() -> {
            try {
                answer.complete(code.get());
            } catch (Throwable e) { // handed to the caller, whatever it is
                answer.completeExceptionally(e);
            }
            if (ends.getAndIncrement() == 1) {
                hanging.decrementAndGet();
            }
        });
        thread.start();
        try {
            return await(answer, thread, ends);
        } catch (ExecutionException e) {
            throw thrown(Objects.requireNonNull(e.getCause()));
        } catch (InterruptedException e) {
            thread.interrupt();
            Thread.currentThread().interrupt();
            CancellationException cancelled = new CancellationException(title + " was abandoned.");
            cancelled.initCause(e);
            throw cancelled;
        }
    }

    private <T> T await(CompletableFuture<T> answer, Thread thread, AtomicInteger ends)
            throws InterruptedException, ExecutionException {
        try {
            return answer.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException late) {
            thread.interrupt();
            if (!thread.join(Duration.ofMillis(Math.min(GRACE_MILLISECONDS, Math.max(1, limit.toMillis()))))) {
                hanging.incrementAndGet();
                if (ends.getAndIncrement() == 1) { // it ended in this very moment
                    hanging.decrementAndGet();
                }
            }
            failures.increment();
            throw new D3sException(ErrorCategory.PLUGIN, "plugin_timed_out", title + " took longer than its limit of "
                    + seconds() + " s (d3s.plugins.timeout) and was interrupted. Its author has to make it faster.",
                    late);
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
