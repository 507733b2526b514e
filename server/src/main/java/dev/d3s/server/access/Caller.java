package dev.d3s.server.access;

import java.util.Set;

import org.jspecify.annotations.Nullable;

/**
 * On whose behalf something is done: passed to everything that reads or changes what belongs to an organization.
 *
 * @param organization what is created belongs to it
 * @param everywhere whether what belongs to other organizations is seen, too: an admin's wish, never a default
 * @param kind how it is known
 * @param id of the API key, or the subject of the token
 * @param name of the key, or of the person behind a token
 * @param address of the client; {@code null} for the server itself
 */
public record Caller(String organization, boolean everywhere, Kind kind, String id, String name, Role role,
        Set<Scope> scopes, @Nullable String address) {
    /** What an admin names instead of one organization. */
    public static final String EVERYWHERE = "*";

    /** How a caller is known. */
    public enum Kind {
        /** Not at all: the server has neither keys nor tokens. */
        ANONYMOUS,
        /** By an API key. */
        KEY,
        /** By a token of an identity provider. */
        TOKEN,
        /** The server itself, or its command line. */
        SERVER
    }

    public Caller {
        scopes = Set.copyOf(scopes);
        if (everywhere && role != Role.ADMIN) {
            throw new IllegalArgumentException(name + " is no admin");
        }
    }

    /** Whoever asks a server that has neither keys nor tokens: it listens on its own machine only. */
    public static Caller anonymous(String organization, @Nullable String address) {
        return new Caller(organization, false, Kind.ANONYMOUS, "anonymous", "anonymous", Role.ADMIN, Scope.all(),
                address);
    }

    /** The server itself, doing what an organization asked it to do earlier. */
    public static Caller server(String organization) {
        return new Caller(organization, false, Kind.SERVER, "server", "server", Role.USER, Scope.all(), null);
    }

    /**
     * The same, acting for the organization that the request names.
     *
     * @param wish a name, or {@value #EVERYWHERE} for all; {@code null} for the caller's own
     * @throws UnauthorizedException when that is not the caller's to choose
     */
    public Caller actingFor(@Nullable String wish) {
        if (wish == null || wish.isBlank() || wish.equals(organization)) {
            return this;
        }
        if (role == Role.ADMIN && wish.equals(EVERYWHERE)) {
            return new Caller(organization, true, kind, id, name, role, scopes, address);
        }
        if (role == Role.ADMIN && Organizations.allowed(wish)) {
            return new Caller(wish, false, kind, id, name, role, scopes, address);
        }
        throw new UnauthorizedException("mismatched_organization",
                "The header OpenAI-Organization must name the organization of the API key or token: leave it out."
                        + " Only admins may name another one, or " + EVERYWHERE + " for all of them.");
    }

    /** Whether what belongs to this organization exists for the caller. */
    public boolean sees(String owner) {
        return everywhere || organization.equals(owner);
    }

    /** The one organization that is seen; {@code null} for all of them. */
    public @Nullable String only() {
        return everywhere ? null : organization;
    }

    /** The same within its organization: what is created names only what that organization sees. */
    public Caller within() {
        return new Caller(organization, false, kind, id, name, role, scopes, address);
    }

    /**
     * For what only admins do.
     *
     * @param what for the message: "Only admins " and this
     */
    public void requireAdmin(String what) {
        if (role != Role.ADMIN) {
            throw new ForbiddenException("Only admins " + what + ": the caller '" + name + "' has the role "
                    + role.key() + ".");
        }
    }

    /** @throws ForbiddenException naming the scope that is missing */
    public void require(Scope scope) {
        if (!scopes.contains(scope)) {
            throw new ForbiddenException("You have insufficient permissions for this operation. Missing scope: "
                    + scope.key() + ". The caller '" + name + "' has "
                    + (scopes.isEmpty()
                            ? "none"
                            : String.join(", ", scopes.stream().map(Scope::key).sorted().toList()))
                    + ".");
        }
    }
}
