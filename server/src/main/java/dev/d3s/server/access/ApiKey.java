package dev.d3s.server.access;

import java.util.Set;

import org.jspecify.annotations.Nullable;

/**
 * A key of the HTTP API, without its secret. Times are milliseconds since 1970.
 *
 * @param id {@code key-...}
 * @param name whom or what it is for
 * @param prefix how the secret begins, which is no secret
 */
public record ApiKey(String id, String organization, String name, Role role, Set<Scope> scopes, String prefix,
        long createdAt, @Nullable Long expiresAt, @Nullable Long revokedAt, @Nullable Long lastUsedAt) {
    public ApiKey {
        scopes = Set.copyOf(scopes);
    }

    /** Who uses it. */
    public Caller caller(@Nullable String address) {
        return new Caller(organization, false, Caller.Kind.KEY, id, name, role, scopes, address);
    }
}
