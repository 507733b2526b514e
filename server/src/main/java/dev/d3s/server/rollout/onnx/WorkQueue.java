package dev.d3s.server.rollout.onnx;

import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.rollout.GenerationRequest;

/**
 * The completions that no worker has begun, of one generate call. A group stays with the worker that holds its prompt's
 * keys and values, as long as others have groups of their own; at the end idle workers take over members of open groups.
 * Thread-safe.
 */
final class WorkQueue {
    private final List<GenerationRequest> requests;
    private final int[] begun;
    private int unopened;
    private int remaining;

    /** Members {@code from <= member < from + count} of a request's group, handed to one worker. */
    record Assignment(int request, int from, int count) {}

    WorkQueue(List<GenerationRequest> requests) {
        this.requests = requests;
        begun = new int[requests.size()];
        for (GenerationRequest request : requests) {
            remaining += request.groupSize();
        }
    }

    /** Up to {@code most} members of a group whose prompt the worker holds; {@code null} when all are begun. */
    synchronized @Nullable Assignment continued(int request, int most) {
        return begin(request, most);
    }

    /**
     * Groups to prefill in one run.
     *
     * @param most completions that the worker has room for
     * @param maxRows prompts times the longest of them, which a run may have when it has several prompts
     */
    synchronized List<Assignment> toPrefill(int most, int maxRows) {
        List<Assignment> assignments = new ArrayList<>();
        int room = most;
        int longest = 0;
        long sum = 0;
        while (room > 0) {
            int next = next();
            if (next < 0) {
                break;
            }
            int length = requests.get(next).prompt().length;
            int widest = Math.max(longest, length);
            long rows = (long) widest * (assignments.size() + 1);
            // Padding is computed too: no more than half of what is useful.
            if (!assignments.isEmpty() && (rows > maxRows || 2 * rows > 3 * (sum + length))) {
                break;
            }
            Assignment assignment = begin(next, room);
            if (assignment == null) {
                break;
            }
            assignments.add(assignment);
            room -= assignment.count();
            longest = widest;
            sum += length;
        }
        return assignments;
    }

    /** Whether there is enough to do that a prefill pays with this much room, though others are decoding. */
    synchronized boolean worthPrefilling(int room, int batch) {
        int next = next();
        return next >= 0
                && (room >= batch || remaining <= room || requests.get(next).groupSize() - begun[next] >= batch);
    }

    private int next() {
        while (unopened < begun.length && begun[unopened] >= requests.get(unopened).groupSize()) {
            unopened++;
        }
        for (int request = unopened; request < begun.length; request++) {
            if (begun[request] == 0 && requests.get(request).groupSize() > 0) {
                return request;
            }
        }
        int fullest = -1;
        int most = 0;
        for (int request = unopened; request < begun.length; request++) {
            int left = requests.get(request).groupSize() - begun[request];
            if (left > most) {
                most = left;
                fullest = request;
            }
        }
        return fullest;
    }

    private @Nullable Assignment begin(int request, int most) {
        int from = begun[request];
        int count = Math.min(most, requests.get(request).groupSize() - from);
        if (count <= 0) {
            return null;
        }
        begun[request] += count;
        remaining -= count;
        return new Assignment(request, from, count);
    }
}
