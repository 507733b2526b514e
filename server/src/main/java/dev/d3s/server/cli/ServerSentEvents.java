package dev.d3s.server.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

import org.jspecify.annotations.Nullable;

/** A {@code text/event-stream} as events. Used by one thread, which closes it; closing from another thread ends a waiting read. */
final class ServerSentEvents implements AutoCloseable {
    private final InputStream stream;
    private final BufferedReader lines;
    private boolean first = true;

    /**
     * One event.
     *
     * @param id to continue from, {@code null} when the stream gives none
     * @param data its data lines, joined by line feeds
     */
    record Event(@Nullable String id, String data) {}

    ServerSentEvents(InputStream stream) {
        this.stream = stream;
        this.lines = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8));
    }

    /** Waits for the next event; {@code null} at the end of the stream, which drops an event that has not been finished by an empty line. */
    @Nullable
    Event next() throws IOException {
        String id = null;
        StringBuilder data = new StringBuilder();
        boolean hasData = false;
        String line = line();
        while (line != null) {
            if (line.isEmpty()) {
                if (hasData) {
                    return new Event(id, data.toString());
                }
                id = null;
            } else {
                int colon = line.indexOf(':');
                String field = colon < 0 ? line : line.substring(0, colon);
                String value = colon < 0 ? "" : line.substring(colon + 1);
                if (value.startsWith(" ")) {
                    value = value.substring(1);
                }
                if (field.equals("data")) {
                    if (hasData) {
                        data.append('\n');
                    }
                    data.append(value);
                    hasData = true;
                } else if (field.equals("id")) {
                    id = value;
                }
            }
            line = line();
        }
        return null;
    }

    private @Nullable String line() throws IOException {
        String line = lines.readLine();
        if (first && line != null && line.startsWith("\uFEFF")) {
            line = line.substring(1);
        }
        first = false;
        return line;
    }

    @Override
    public void close() throws IOException {
        // not the reader: closing it waits for a read in progress
        stream.close();
    }
}
