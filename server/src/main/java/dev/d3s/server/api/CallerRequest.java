package dev.d3s.server.api;

import org.jspecify.annotations.Nullable;

import io.quarkus.security.identity.request.BaseAuthenticationRequest;

/** Asks who sends a request: with an API key, or with nothing that anybody knows. */
final class CallerRequest extends BaseAuthenticationRequest {
    private final @Nullable String key;
    private final String address;
    private final boolean local;

    /**
     * @param key what was sent as one; {@code null} for none
     * @param local whether the request comes from this machine, and for this machine
     */
    CallerRequest(@Nullable String key, String address, boolean local) {
        this.key = key;
        this.address = address;
        this.local = local;
    }

    @Nullable
    String key() {
        return key;
    }

    String address() {
        return address;
    }

    boolean local() {
        return local;
    }
}
