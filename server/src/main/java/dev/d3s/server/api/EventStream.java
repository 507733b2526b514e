package dev.d3s.server.api;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.StreamingOutput;

import org.jspecify.annotations.Nullable;

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
