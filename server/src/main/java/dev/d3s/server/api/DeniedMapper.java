package dev.d3s.server.api;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;

import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

import dev.d3s.server.access.ForbiddenException;
import dev.d3s.server.api.Wire.ErrorObject;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.UnauthorizedException;
import io.vertx.ext.web.RoutingContext;

/** Who is not known is answered with 401; what a caller may not do with 403, and written into the audit log. */
@Singleton
class DeniedMapper {
    private final Callers callers;

    @Inject
    DeniedMapper(Callers callers) {
        this.callers = callers;
    }

    @ServerExceptionMapper
    public Response failure(ForbiddenException e) {
        callers.denied(e);
        return Response.status(Response.Status.FORBIDDEN)
            .type(MediaType.APPLICATION_JSON_TYPE)
            .entity(ErrorObject.of("invalid_request_error", e.code(), e.text()))
            .build();
    }

    /** Whoever cannot be told apart from nobody. */
    @ServerExceptionMapper
    public Response failure(AuthenticationFailedException e, RoutingContext context) {
        return unauthorized(context, e);
    }

    @ServerExceptionMapper
    public Response failure(UnauthorizedException e, RoutingContext context) {
        return unauthorized(context, e);
    }

    private static Response unauthorized(RoutingContext context, Throwable failure) {
        return Response.status(Response.Status.UNAUTHORIZED)
            .type(MediaType.APPLICATION_JSON_TYPE)
            .header("WWW-Authenticate", "Bearer")
            .entity(CallerMechanism.refused(context, failure))
            .build();
    }
}
