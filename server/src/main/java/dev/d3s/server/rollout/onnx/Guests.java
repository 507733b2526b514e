package dev.d3s.server.rollout.onnx;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.LongSupplier;

import org.jspecify.annotations.Nullable;

import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.ServingEngine;
import dev.d3s.server.rollout.ServingLimits;
import dev.d3s.server.rollout.ServingListener;
import dev.d3s.server.rollout.ServingRequest;

/**
 * Clients of the policy that a job trains. Each of the engine's workers gives them turns while it generates for the job, in
 * slots of their own, so that they change nothing about the job's rollouts. They take at most their share of each worker's
 * time: a worker earns credit while it works for the job, and a turn is taken when the credit covers what the last one
 * cost. A worker that has nothing left to do for the job, while others have, gives them all of its time.
 *
 * <p>
 * Between generate calls they wait. When the weights change, what they have in their slots is worth nothing any more: they
 * keep the tokens they have, and go on from them with the new weights.
 */
final class Guests implements ServingEngine {
    private static final long LEAST_SAVED_NANOSECONDS = 50_000_000;

    private final ModelConfig config;
    private final ServingLimits limits;
    private final int positions;
    private final ServingQueue queue;
    private final LongSupplier version;
    private final List<Visitor> visitors = new ArrayList<>();

    /** @param positions T of a guest's slot */
    Guests(ModelConfig config, int positions, int workers, ServingLimits limits, LongSupplier version) {
        this.config = config;
        this.limits = limits;
        this.positions = positions;
        this.version = version;
        queue = new ServingQueue(config, Math.min(positions, config.contextLength()), limits);
        for (int i = 0; i < workers; i++) {
            visitors.add(new Visitor(Math.max(1, limits.slots() / workers)));
        }
    }

    /** The guests of one worker; used by its thread alone while it generates. */
    final class Visitor {
        private final int slots;
        private @Nullable ServingWorker worker;
        private double credit;
        private long lastTurn;

        private Visitor(int slots) {
            this.slots = slots;
        }

        /** The worker has worked so long for the job. */
        void worked(long nanoseconds, OrtSession session) {
            credit = Math.min(credit + nanoseconds * limits.share() / (1 - limits.share()),
                    Math.max(LEAST_SAVED_NANOSECONDS, 2.0 * lastTurn));
            while (credit > 0 && credit >= lastTurn && wanted()) {
                if (!turn(session)) {
                    return;
                }
                credit -= lastTurn;
            }
        }

        /** The worker has nothing to do; @return whether there was anything to do for guests */
        boolean idle(OrtSession session) {
            return limits.share() > 0 && wanted() && turn(session);
        }

        private boolean wanted() {
            return !queue.isClosed() && ((worker != null && worker.busy()) || queue.hasWaiting());
        }

        private boolean turn(OrtSession session) {
            long begin = System.nanoTime();
            try {
                ServingWorker present = worker;
                if (present == null) {
                    present = new ServingWorker(config, slots, positions, queue, version);
                    worker = present;
                }
                boolean did = present.turn(session);
                lastTurn = System.nanoTime() - begin;
                return did;
            } catch (OrtException e) {
                // The job goes on: if the engine is broken, it will find out itself.
                queue.close(OnnxRuntime.failure("serving", e));
                return false;
            } catch (CancellationException e) {
                // the process is ending
                queue.close(ServingQueue.engineClosed());
                return false;
            } catch (RuntimeException e) {
                queue.close(e);
                return false;
            }
        }
    }

    Visitor visitor(int worker) {
        return visitors.get(worker);
    }

    /** The weights have changed. While nothing is generated. */
    void suspend() {
        for (Visitor visitor : visitors) {
            ServingWorker worker = visitor.worker;
            if (worker != null) {
                worker.suspend();
            }
        }
    }

    @Override
    public void submit(ServingRequest request, ServingListener listener) {
        queue.submit(request, listener);
    }

    @Override
    public boolean usable() {
        return !queue.isClosed();
    }

    /** Tells everybody; the slots stay until {@link #free}. */
    @Override
    public void close() {
        queue.close(ServingQueue.engineClosed());
    }

    /** Frees the slots; while nothing is generated. */
    void free() {
        close();
        for (Visitor visitor : visitors) {
            ServingWorker worker = visitor.worker;
            visitor.worker = null;
            if (worker != null) {
                worker.close();
            }
        }
    }
}
