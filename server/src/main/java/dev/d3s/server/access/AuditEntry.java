package dev.d3s.server.access;

import org.jspecify.annotations.Nullable;

/**
 * Who did what.
 *
 * @param id {@code audit_log-...}; ids rise with time
 * @param at milliseconds since 1970
 * @param organization that the actor acted for
 * @param actorId of the key, or the subject of a token
 * @param action see {@link AuditAction#key()}
 * @param object id of what it was done to
 * @param succeeded false for what was refused
 * @param address of the client; {@code null} for the command line
 * @param details JSON; {@code null} for none
 */
public record AuditEntry(String id, long at, String organization, Caller.Kind actorKind, String actorId,
        String actorName, String action, String object, boolean succeeded, @Nullable String address,
        @Nullable String details) {}
