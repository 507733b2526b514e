package dev.d3s.server.cli;

import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * Follows a job's live events until the job has ended. The stream is read by a virtual thread; events are handed over on the caller's thread. A stream that
 * breaks is taken up again where it ended, and while it is silent the job's status is asked for, so that neither a lost connection nor a
 * stream without an end keeps a client waiting.
 */
final class JobFollower {
    private static final Set<String> ENDED = Set.of("succeeded", "failed", "cancelled", "paused");
    private static final int LOST_STREAMS = 5;

    private final ApiClient api;
    private final long silenceMillis;

    /**
     * @param silenceMillis how long a stream may be silent before the job's status is asked for
     */
    JobFollower(ApiClient api, long silenceMillis) {
        this.api = api;
        this.silenceMillis = silenceMillis;
    }

    /** What the reading thread hands over. */
    private sealed interface Received {
        record Data(ServerSentEvents.Event event) implements Received {}

        record End() implements Received {}
    }

    /**
     * Waits for the end of a job.
     *
     * @param events hears each event object once
     * @return the job as it is then
     */
    JsonNode follow(String job, Consumer<JsonNode> events) throws IOException, InterruptedException {
        String path = "/v1/fine_tuning/jobs/" + job;
        Set<String> seen = new HashSet<>();
        String last = null;
        int lost = 0;
        while (true) {
            int before = seen.size();
            try (ServerSentEvents stream = api.stream(path + "/events", last)) {
                BlockingQueue<Received> received = new LinkedBlockingQueue<>();
                Thread reader = Thread.startVirtualThread(() -> read(stream, received));
                try {
                    Received next = take(received, path);
                    while (next instanceof Received.Data(ServerSentEvents.Event event)) {
                        String id = deliver(event, seen, events);
                        last = id == null ? last : id;
                        next = take(received, path);
                    }
                } finally {
                    reader.interrupt();
                }
            }
            JsonNode state = api.get(path);
            if (ENDED.contains(state.path("status").asText())) {
                return state;
            }
            lost = seen.size() > before ? 0 : lost + 1;
            if (lost > LOST_STREAMS) {
                throw new ApiClient.ApiException("The event stream of job " + job
                        + " ends again and again without an event, although the job has not ended.");
            }
            Thread.sleep(Math.min(silenceMillis, 200L * lost));
        }
    }

    /** The next event; an end also when nothing comes and the job has ended. */
    private Received take(BlockingQueue<Received> received, String path) throws IOException, InterruptedException {
        while (true) {
            Received next = received.poll(silenceMillis, TimeUnit.MILLISECONDS);
            if (next != null) {
                return next;
            }
            boolean ended = ENDED.contains(api.get(path).path("status").asText());
            if (ended && received.isEmpty()) {
                return new Received.End();
            }
        }
    }

    private static @Nullable String deliver(ServerSentEvents.Event event, Set<String> seen, Consumer<JsonNode> events)
            throws IOException {
        if (!event.data().startsWith("{")) {
            // such as [DONE]
            return null;
        }
        JsonNode content = ApiClient.JSON.readTree(event.data());
        String id = content.path("id").asText(String.valueOf(event.id()));
        if (seen.add(id)) {
            events.accept(content);
        }
        return event.id() == null ? id : event.id();
    }

    private static void read(ServerSentEvents stream, BlockingQueue<Received> received) {
        try {
            ServerSentEvents.Event event = stream.next();
            while (event != null) {
                received.add(new Received.Data(event));
                event = stream.next();
            }
        } catch (IOException broken) {
            // taken up again by follow
        }
        received.add(new Received.End());
    }
}
