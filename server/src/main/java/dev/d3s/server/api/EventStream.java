package dev.d3s.server.api;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;

import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.StreamingOutput;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.event.Follower;
import dev.d3s.server.event.JobEvent;

/**
 * Server-sent events over a blocking stream: a client that reads slowly blocks its own virtual thread and nothing else. A
 * client that went away shows as an {@link IOException}.
 */
final class EventStream {
    private final OutputStream out;
    private boolean begun;

    EventStream(OutputStream out) {
        this.out = out;
    }

    /** Writes a response as events. */
    @FunctionalInterface
    interface Content {
        void writeTo(EventStream stream) throws IOException;
    }

    static Response response(Content content) {
        return Response.ok((StreamingOutput) out -> content.writeTo(new EventStream(out)))
            .type(MediaType.SERVER_SENT_EVENTS_TYPE)
            .header("Cache-Control", "no-cache")
            .header("X-Accel-Buffering", "no")
            .build();
    }

    /** Follows a log and hands its events over as they happen; blocks. */
    @FunctionalInterface
    interface Log {
        void follow(Follower follower) throws InterruptedException;
    }

    /**
     * A log as a response that goes on as long as the log does, or until the client goes away, which is its good right.
     *
     * @param text one line for an event
     */
    static Response followed(Function<JobEvent, String> text, Log log) {
        return response(stream -> {
            try {
                log.follow(new Follower() {
                    @Override
                    public boolean event(JobEvent event) {
                        return written(() -> stream.event(event.id(), text.apply(event)));
                    }

                    @Override
                    public boolean quiet() {
                        return written(() -> stream.comment("quiet"));
                    }
                });
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    /** Something written to a client. */
    @FunctionalInterface
    private interface Writing {
        void run() throws IOException;
    }

    /** @return false when the client went away */
    private static boolean written(Writing writing) {
        try {
            writing.run();
            return true;
        } catch (IOException | UncheckedIOException e) {
            return false;
        }
    }

    /** @param data one line */
    void event(@Nullable String id, String data) throws IOException {
        write((id == null ? "" : "id: " + id + "\n") + "data: " + data + "\n\n");
    }

    void comment(String text) throws IOException {
        write(": " + text + "\n\n");
    }

    /** Whether anything was written. */
    boolean begun() {
        return begun;
    }

    private void write(String text) throws IOException {
        begun = true;
        out.write(text.getBytes(StandardCharsets.UTF_8));
        out.flush();
    }
}
