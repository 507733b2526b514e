package dev.d3s.server.rollout.onnx;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.BusyException;
import dev.d3s.server.rollout.ServingEngine;
import dev.d3s.server.rollout.ServingLimits;
import dev.d3s.server.rollout.ServingListener;
import dev.d3s.server.rollout.ServingRequest;
import dev.d3s.server.rollout.onnx.ServedRequest.Sequence;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * Requests that wait for slots of an engine's workers. Requests take turns: the one at the front gets a slot, or several
 * for completions of one prompt when there are more slots than requests, and goes to the end. What was suspended goes
 * first. A request whose completion does not fit into the memory that is left keeps its turn until it does. Thread-safe.
 */
final class ServingQueue {
    private static final int SECONDS_TO_RETRY = 2;

    private final ModelConfig config;
    private final int context;
    private final ServingLimits limits;
    private final Deque<ServedRequest> turns = new ArrayDeque<>();
    /** Begun, and put off because their weights changed; the oldest first. */
    private final Deque<Sequence> suspended = new ArrayDeque<>();
    private final List<ServedRequest> active = new ArrayList<>();
    private long reserved;
    private int waiting;
    private long changes;
    private @Nullable RuntimeException closed;

    /** @param context T: prompt and completion together */
    ServingQueue(ModelConfig config, int context, ServingLimits limits) {
        this.config = config;
        this.context = context;
        this.limits = limits;
    }

    /** @throws D3sException when a prompt does not fit, or too much waits already */
    void submit(ServingRequest request, ServingListener listener) {
        ServedRequest served = new ServedRequest(config, context, limits.memory(), request, listener);
        synchronized (this) {
            if (closed != null) {
                throw closed;
            }
            int more = request.completions();
            // A request that is larger than the queue is taken when nobody else waits.
            if (!request.patient() && waiting > 0 && waiting + more > limits.waiting()) {
                throw new BusyException(
                        "The server is busy: " + waiting + " completions of this model wait for a slot and at"
                                + " most " + limits.waiting() + " may; try again in " + SECONDS_TO_RETRY + " seconds.",
                        SECONDS_TO_RETRY);
            }
            waits(served, more);
            turns.add(served);
            active.add(served);
            changed();
        }
        if (request.completions() == 0) {
            served.end(null);
        }
    }

    /**
     * Sequences to begin in one run, all with the same tokens.
     *
     * @param room slots
     * @param longest most tokens that they may have before their next one
     */
    synchronized List<Sequence> take(int room, int longest) {
        if (room <= 0) {
            return List.of();
        }
        for (Sequence put : suspended) {
            if (put.length() <= longest) {
                if (reserved > 0 && reserved + put.bytes() > limits.memory()) {
                    return List.of();
                }
                suspended.remove(put);
                reserved += put.bytes();
                waits(put.request(), -1);
                return List.of(put);
            }
        }
        for (ServedRequest next : List.copyOf(turns)) {
            Sequence first = next.waiting().peek();
            if (first == null || next.isOver()) {
                forget(next);
                continue;
            }
            if (first.length() > longest) {
                continue;
            }
            List<Sequence> group = next.takeGroup(Math.max(1, room / turns.size()), limits.memory() - reserved);
            if (group.isEmpty()) {
                // It keeps its turn: it would never fit if others with smaller ones always went first.
                return List.of();
            }
            turns.remove(next);
            if (!next.waiting().isEmpty()) {
                turns.add(next);
            }
            for (Sequence sequence : group) {
                reserved += sequence.bytes();
            }
            waits(next, -group.size());
            return group;
        }
        return List.of();
    }

    /** A sequence has left its slot. */
    synchronized void left(Sequence sequence) {
        reserved -= sequence.bytes();
        ServedRequest request = sequence.request();
        if (request.isOver()) {
            forget(request);
        }
        changed();
    }

    /** Counts the completions of clients who do not want to wait long. */
    private void waits(ServedRequest request, int more) {
        if (!request.patient()) {
            waiting += more;
        }
    }

    private void changed() {
        changes++;
        notifyAll();
    }

    /** Puts sequences off that had slots; in order. */
    synchronized void suspend(List<Sequence> sequences) {
        for (Sequence sequence : sequences.reversed()) {
            reserved -= sequence.bytes();
            waits(sequence.request(), 1);
            suspended.addFirst(sequence);
        }
        changed();
    }

    /** Ends requests whose clients have gone, also while they wait. */
    void sweep() {
        List<ServedRequest> present;
        synchronized (this) {
            present = List.copyOf(active);
        }
        for (ServedRequest request : present) {
            if (request.checkCancelled()) {
                synchronized (this) {
                    forget(request);
                }
            }
        }
    }

    private void forget(ServedRequest request) {
        if (active.remove(request)) {
            turns.remove(request);
            waits(request, -request.waiting().size());
            request.waiting().clear();
            Iterator<Sequence> put = suspended.iterator();
            while (put.hasNext()) {
                if (put.next().request() == request) {
                    put.remove();
                    waits(request, -1);
                }
            }
        }
    }

    /** Whether somebody waits for a slot. */
    synchronized boolean hasWaiting() {
        return !turns.isEmpty() || !suspended.isEmpty();
    }

    synchronized boolean isClosed() {
        return closed != null;
    }

    /** Counts what may have given a worker something to do. */
    synchronized long changes() {
        return changes;
    }

    /** Waits until something has changed since. */
    synchronized void await(long since, long milliseconds) throws InterruptedException {
        long deadline = System.nanoTime() + milliseconds * 1_000_000;
        while (closed == null && changes == since) {
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                return;
            }
            wait(left);
        }
    }

    /** Ends every request with this, and refuses further ones with it. */
    void close(RuntimeException reason) {
        List<ServedRequest> ended;
        synchronized (this) {
            if (closed != null) {
                return;
            }
            closed = reason;
            ended = List.copyOf(active);
            active.clear();
            turns.clear();
            suspended.clear();
            waiting = 0;
            notifyAll();
        }
        ended.forEach(request -> request.end(reason));
    }

    static RuntimeException engineClosed() {
        return new D3sException(ErrorCategory.RESOURCES, ServingEngine.MODEL_CLOSED,
                "The model was closed while it served this request; ask again.");
    }
}
