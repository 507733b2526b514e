package dev.d3s.server.api;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.access.AuditService;
import dev.d3s.server.access.Caller;
import dev.d3s.server.access.ForbiddenException;
import dev.d3s.server.access.Scope;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.vertx.ext.web.RoutingContext;

/** Says who sends the request that is being answered. Every method of a resource asks, with the scope that it needs. */
@Singleton
class Callers {
    private final CurrentVertxRequest request;
    private final AuditService audit;

    @Inject
    Callers(CurrentVertxRequest request, AuditService audit) {
        this.request = request;
        this.audit = audit;
    }

    /**
     * The caller of this request.
     *
     * @throws ForbiddenException when it does not have the scope
     */
    Caller with(Scope scope) {
        Caller caller = any();
        caller.require(scope);
        return caller;
    }

    /** The caller of this request, whatever its scopes. */
    Caller any() {
        Caller caller = request.getCurrent().get(CallerMechanism.CALLER);
        if (caller == null) {
            throw new IllegalStateException("A path without a rule in quarkus.http.auth.permission");
        }
        return caller;
    }

    /** Writes down that this request was refused. */
    void denied(ForbiddenException refusal) {
        RoutingContext context = request.getCurrent();
        audit.denied(any(), context.request().method() + " " + context.normalizedPath(), refusal.text());
    }
}
