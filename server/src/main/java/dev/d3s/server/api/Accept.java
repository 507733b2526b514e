package dev.d3s.server.api;

import java.util.List;

import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;

/** What a client wants to get. */
final class Accept {
    private Accept() {}

    /** Whether a client names this type; one that takes anything gets JSON. */
    static boolean asks(HttpHeaders headers, MediaType type) {
        List<MediaType> acceptable = headers.getAcceptableMediaTypes();
        for (MediaType each : acceptable) {
            if (each.isCompatible(MediaType.APPLICATION_JSON_TYPE)) {
                return false;
            }
            if (each.isCompatible(type)) {
                return true;
            }
        }
        return false;
    }
}
