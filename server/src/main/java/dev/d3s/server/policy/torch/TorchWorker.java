package dev.d3s.server.policy.torch;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;

import ai.djl.engine.EngineException;
import ai.djl.pytorch.jni.JniUtils;

/**
 * A platform thread on which libtorch runs: gradient mode, the graph executor's optimizer and the number of OpenMP threads
 * belong to a thread. Closed by the policy that started it.
 */
final class TorchWorker implements AutoCloseable {
    private final ExecutorService thread;
    private final int intraOpThreads;
    private final Thread stopper = new Thread(this::finishBeforeExit, "d3s-stopper");
    private volatile boolean stopping;

    TorchWorker(String name, int intraOpThreads) {
        this.intraOpThreads = intraOpThreads;
        thread = Executors.newSingleThreadExecutor(Thread.ofPlatform().name(name).daemon().factory());
        call(() -> {
            // made for inference: with it, training is slower and larger
            JniUtils.setGraphExecutorOptimize(false);
            return true;
        });
        Runtime.getRuntime().addShutdownHook(stopper);
    }

    /** Runs on this thread, after what was submitted before. */
    <T> CompletableFuture<T> submit(Supplier<T> task) {
        return CompletableFuture.supplyAsync(() -> {
            if (stopping) {
                throw new CancellationException("The server is stopping");
            }
            // a part of this number is the process's, which another policy may have changed
            if (JniUtils.getNumThreads() != intraOpThreads) {
                JniUtils.setNumThreads(intraOpThreads);
            }
            return task.get();
        }, thread);
    }

    <T> T call(Supplier<T> task) {
        return await(submit(task));
    }

    /**
     * The result, however long it takes: a native call cannot be abandoned half way, so an interrupt is kept for the caller
     * and not acted on.
     */
    static <T> T await(CompletableFuture<T> future) {
        try {
            return future.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof EngineException failure) {
                throw TorchRuntime.failure(failure);
            }
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            if (e.getCause() instanceof Error failure) {
                throw failure;
            }
            throw e;
        }
    }

    /** All results, when every one of them is there; of several failures a real one before a cancellation. */
    static <T> List<T> awaitAll(List<CompletableFuture<T>> futures) {
        List<T> results = new ArrayList<>();
        Throwable failure = null;
        for (CompletableFuture<T> future : futures) {
            try {
                results.add(await(future));
            } catch (RuntimeException | Error e) {
                if (failure == null || failure instanceof CancellationException) {
                    failure = e;
                }
            }
        }
        return switch (failure) {
            case null -> results;
            case Error error -> throw error;
            case RuntimeException exception -> throw exception;
            default -> throw new IllegalStateException(failure);
        };
    }

    /**
     * When the process is told to end in the middle of a native call, waits for the call: libtorch's own memory disappears
     * when the process exits, and a thread still inside would crash it. What is queued is cancelled.
     */
    void finishBeforeExit() {
        stopping = true;
        try {
            CompletableFuture.runAsync(() -> {}, thread).join();
        } catch (RejectedExecutionException e) {
            // closed just now: nothing runs
        }
    }

    @Override
    public void close() {
        thread.close();
        try {
            Runtime.getRuntime().removeShutdownHook(stopper);
        } catch (IllegalStateException e) {
            // the process is ending and the hook is running: it finds nothing to wait for
        }
    }
}
