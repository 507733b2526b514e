package dev.d3s.server.api;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;

import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

import dev.d3s.server.access.ForbiddenException;
import dev.d3s.server.api.Wire.ErrorObject;

/** What a caller may not do is answered with 403, and written into the audit log. */
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
}
