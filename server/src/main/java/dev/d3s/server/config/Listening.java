package dev.d3s.server.config;

import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * Where the server listens, and whether an identity provider is configured.
 *
 * @param host {@code quarkus.http.host}
 * @param identityProvider whether {@code quarkus.oidc} names one
 */
public record Listening(String host, boolean identityProvider) {
    /** Whether only this machine can reach the server. */
    public boolean loopbackOnly() {
        try {
            return InetAddress.getByName(host).isLoopbackAddress();
        } catch (UnknownHostException e) {
            return false; // listening on it fails with a message of its own
        }
    }
}
