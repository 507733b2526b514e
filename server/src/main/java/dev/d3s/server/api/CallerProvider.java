package dev.d3s.server.api;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
import dev.d3s.server.access.KeyService;
import dev.d3s.server.access.UnauthorizedException;
import dev.d3s.server.config.ServerSettings;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.identity.AuthenticationRequestContext;
import io.quarkus.security.identity.IdentityProvider;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.runtime.QuarkusPrincipal;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.smallrye.mutiny.Uni;

/** Looks API keys up, off the event loop. Thread-safe. */
@ApplicationScoped
class CallerProvider implements IdentityProvider<CallerRequest> {
    private final KeyService keys;
    private final ServerSettings settings;

    @Inject
    CallerProvider(KeyService keys, ServerSettings settings) {
        this.keys = keys;
        this.settings = settings;
    }

    @Override
    public Class<CallerRequest> getRequestType() {
        return CallerRequest.class;
    }

    @Override
    public Uni<SecurityIdentity> authenticate(CallerRequest request, AuthenticationRequestContext context) {
        return context.runBlocking(() -> {
            try {
                String key = request.key();
                return identity(key != null && (keys.any() || !request.local())
                        ? keys.caller(key, request.address())
                        : keys.anonymous(settings.organization(), request.address(), request.local()));
            } catch (UnauthorizedException e) {
                throw new AuthenticationFailedException(e);
            }
        });
    }

    private static SecurityIdentity identity(Caller caller) {
        return QuarkusSecurityIdentity.builder()
            .setPrincipal(new QuarkusPrincipal(caller.name()))
            .addRole(caller.role().key())
            .addAttribute(CallerMechanism.CALLER, caller)
            .build();
    }

    /** What is remembered of a refusal. */
    static @Nullable UnauthorizedException refusal(@Nullable Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof UnauthorizedException refusal) {
                return refusal;
            }
        }
        return null;
    }
}
