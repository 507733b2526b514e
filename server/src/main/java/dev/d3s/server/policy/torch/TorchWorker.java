package dev.d3s.server.policy.torch;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
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

    TorchWorker(String name, int intraOpThreads) {
        this.intraOpThreads = intraOpThreads;
        thread = Executors.newSingleThreadExecutor(Thread.ofPlatform().name(name).daemon().factory());
        call(() -> {
            // made for inference: with it, training is slower and larger
            JniUtils.setGraphExecutorOptimize(false);
            return true;
        });
    }

    /** Runs on this thread, after what was submitted before. */
    <T> CompletableFuture<T> submit(Supplier<T> task) {
        return CompletableFuture.supplyAsync(() -> {
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
            throw e;
        }
    }

    @Override
    public void close() {
        thread.close();
    }
}
