package dev.d3s.server.api;

import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.ws.rs.core.Response;

import dev.d3s.server.config.RequestLimits;
import dev.d3s.server.event.JobEvent;
import dev.d3s.server.rollout.BusyException;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;

/** The event streams that are open: each has a thread and a place in the log for as long as it lives, so that they are counted. */
@Singleton
class LiveStreams {
    private static final int SECONDS_TO_WAIT = 10;

    private final CurrentVertxRequest request;
    private final Semaphore free;
    private final int most;

    @Inject
    LiveStreams(RequestLimits limits, CurrentVertxRequest request) {
        this.request = request;
        most = limits.streams();
        free = new Semaphore(most);
    }

    /**
     * A log as a response, as {@link EventStream#followed}.
     *
     * @throws BusyException when too many are open
     */
    Response followed(Function<JobEvent, String> text, EventStream.Log log) {
        if (!free.tryAcquire()) {
            throw new BusyException("The server has " + most
                    + " live event streams open (d3s.events.streams): ask for the events without Accept: "
                    + "text/event-stream, or come back later.", SECONDS_TO_WAIT);
        }
        AtomicBoolean open = new AtomicBoolean(true);
        // also when the client goes away: writing to it need not fail for a while
        request.getCurrent().addEndHandler(ended -> close(open));
        return EventStream.followed(text, follower -> {
            try {
                log.follow(follower);
            } finally {
                close(open);
            }
        });
    }

    private void close(AtomicBoolean open) {
        if (open.getAndSet(false)) {
            free.release();
        }
    }
}
