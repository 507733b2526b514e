package dev.d3s.spi;

import java.io.IOException;
import java.net.http.HttpClient;
import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * What sends {@link OutgoingRequests}: HTTP/1.1, which gives each request under way a connection of its own; no redirection is
 * followed; proxies are those that the JVM is told of. Made for the first request, because a client has threads and reads every
 * certificate authority, and many never send one. Thread-safe.
 */
public final class OutgoingClient implements AutoCloseable {
    private final Duration patience;
    private @Nullable HttpClient client;
    private boolean closed;

    /** @param patience for a connection */
    public OutgoingClient(Duration patience) {
        this.patience = patience;
    }

    /** @throws IOException after {@link #close}, as of a request that it breaks off */
    public synchronized HttpClient open() throws IOException {
        if (closed) {
            throw new IOException("The client is closed");
        }
        HttpClient open = client;
        if (open == null) {
            open = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(patience)
                .build();
            client = open;
        }
        return open;
    }

    /** Breaks off what is under way. */
    @Override
    public void close() {
        HttpClient open;
        synchronized (this) {
            closed = true;
            open = client;
        }
        if (open != null) {
            open.shutdownNow();
        }
    }
}
