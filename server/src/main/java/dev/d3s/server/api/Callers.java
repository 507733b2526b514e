package dev.d3s.server.api;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.access.Caller;
import dev.d3s.server.access.Scope;
import dev.d3s.server.config.ServerSettings;

/** Says who sends the request that is being answered. Every method of a resource asks, with the scope that it needs. */
@Singleton
class Callers {
    private final ServerSettings settings;

    @Inject
    Callers(ServerSettings settings) {
        this.settings = settings;
    }

    /**
     * The caller of this request.
     *
     * @throws dev.d3s.server.access.ForbiddenException when it does not have the scope
     */
    Caller with(Scope scope) {
        Caller caller = Caller.anonymous(settings.organization(), null);
        caller.require(scope);
        return caller;
    }
}
