package dev.d3s.server.api;

import java.util.concurrent.atomic.AtomicBoolean;

import org.jboss.resteasy.reactive.server.core.CurrentRequestManager;
import org.jboss.resteasy.reactive.server.core.ResteasyReactiveRequestContext;

/** Knows when the client of the present request has closed its connection, also while nothing is written to it. */
final class ClientGone {
    private ClientGone() {}

    /** Becomes true when the connection closes before the answer is complete. On the request's thread. */
    static AtomicBoolean watch() {
        AtomicBoolean gone = new AtomicBoolean();
        ResteasyReactiveRequestContext request = CurrentRequestManager.get();
        if (request != null) {
            request.serverResponse().addCloseHandler(() -> gone.set(true));
            // a connection that closed before is not told of
            if (request.serverResponse().closed()) {
                gone.set(true);
            }
        }
        return gone;
    }

    /** Whether the client of the present request has closed its connection. */
    static boolean now() {
        ResteasyReactiveRequestContext request = CurrentRequestManager.get();
        return request != null && request.serverResponse().closed();
    }
}
