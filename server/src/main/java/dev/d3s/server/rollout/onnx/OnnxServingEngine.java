package dev.d3s.server.rollout.onnx;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;

import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Weights;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.ServingEngine;
import dev.d3s.server.rollout.ServingLimits;
import dev.d3s.server.rollout.ServingListener;
import dev.d3s.server.rollout.ServingRequest;

/**
 * Serves a model whose weights do not change: workers that take turns for as long as there are requests, over one session.
 * When a run fails, everybody is told, and the engine takes no more requests. Its workers are daemon threads of its own.
 */
public final class OnnxServingEngine implements ServingEngine {
    /** A worker without requests looks around this often; it is woken when there are some. */
    private static final long LOOK_AROUND_MILLISECONDS = 10_000;

    private final ServingQueue queue;
    private final DecoderSessions sessions;
    private final List<ServingWorker> workers = new ArrayList<>();
    private final CountDownLatch running;

    private OnnxServingEngine(ModelConfig config, Weights weights, OnnxRolloutSettings settings,
            ServingLimits limits) {
        queue = new ServingQueue(config, Math.min(settings.maxSequenceLength(), config.contextLength()), limits);
        sessions = new DecoderSessions(config, weights, settings.maxSequenceLength(), RefreshMode.RECREATE,
                settings.intraOpThreads());
        boolean opened = false;
        try {
            for (int i = 0; i < settings.workers(); i++) {
                workers.add(new ServingWorker(config, settings.slotsPerWorker(), settings.maxSequenceLength(), queue,
                        () -> 0));
            }
            opened = true;
        } finally {
            if (!opened) {
                workers.forEach(ServingWorker::close);
                sessions.close();
            }
        }
        running = new CountDownLatch(workers.size());
        OrtSession session = sessions.session(Head.SAMPLING);
        for (int i = 0; i < workers.size(); i++) {
            ServingWorker worker = workers.get(i);
            Thread.ofPlatform().name("serving-" + i).daemon().start(() -> serve(worker, session));
        }
    }

    /**
     * Opens an engine over weights that stay their owner's.
     *
     * @param weights must stay valid until the engine is closed
     * @param cores processor cores to use
     * @throws dev.d3s.spi.D3sException when the model's shape is not supported or memory runs out
     */
    public static OnnxServingEngine open(ModelConfig config, Weights weights, int cores, ServingLimits limits) {
        OnnxRolloutEngine.checkShape(config);
        return new OnnxServingEngine(config, weights, OnnxRolloutSettings.forServing(config, cores, limits), limits);
    }

    /** The same with slots and workers as given. */
    static OnnxServingEngine open(ModelConfig config, Weights weights, OnnxRolloutSettings settings,
            ServingLimits limits) {
        return new OnnxServingEngine(config, weights, settings, limits);
    }

    @Override
    public void submit(ServingRequest request, ServingListener listener) {
        queue.submit(request, listener);
    }

    @Override
    public boolean usable() {
        return !queue.isClosed();
    }

    private void serve(ServingWorker worker, OrtSession session) {
        try {
            while (!queue.isClosed()) {
                long changes = queue.changes();
                if (!worker.turn(session)) {
                    queue.await(changes, LOOK_AROUND_MILLISECONDS);
                }
            }
        } catch (OrtException e) {
            queue.close(OnnxRuntime.failure("serving", e));
        } catch (CancellationException | InterruptedException e) {
            // (cancelled because the process is ending)
            queue.close(ServingQueue.engineClosed());
        } catch (RuntimeException e) {
            queue.close(e);
        } catch (Error e) {
            queue.close(new IllegalStateException(e));
            throw e;
        } finally {
            running.countDown();
        }
    }

    @Override
    public void close() {
        queue.close(ServingQueue.engineClosed());
        boolean interrupted = false;
        while (true) {
            try {
                // The workers read the weights, which the caller may free next.
                running.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        workers.forEach(ServingWorker::close);
        sessions.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
