package dev.d3s.server.api;

import java.io.IOException;
import java.util.concurrent.CancellationException;

import jakarta.ws.rs.NotAllowedException;
import jakarta.ws.rs.NotFoundException;
import jakarta.ws.rs.NotSupportedException;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;

import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;
import org.jboss.resteasy.reactive.server.core.multipart.MultipartParser;

import dev.d3s.server.access.ForbiddenException;
import dev.d3s.server.access.UnauthorizedException;
import dev.d3s.server.api.Wire.ErrorObject;
import dev.d3s.server.request.ConflictException;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.LimitReachedException;
import dev.d3s.server.request.UnprocessableException;
import dev.d3s.server.rollout.BusyException;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.InvalidConfigException;

/** Every failure of a request in OpenAI's shape, with the status OpenAI uses. */
final class ErrorMapper {
    private static final Logger LOG = Logger.getLogger(ErrorMapper.class);
    /** Unofficial, and what logs of web servers show for it. */
    private static final int CLIENT_CLOSED = 499;
    /** What the parser of uploads says, also of content that came to its end. */
    private static final String NO_LAST_BOUNDARY = "Connection terminated parsing multipart request";

    @ServerExceptionMapper
    public Response failure(D3sException e) {
        if (e instanceof InvalidRequestException invalid) {
            return response(400, ErrorObject.of(invalid));
        }
        if (e instanceof BusyException busy) {
            return Response.status(429)
                .header("Retry-After", busy.retryAfterSeconds())
                .type(MediaType.APPLICATION_JSON_TYPE)
                .entity(ErrorObject.of("rate_limit_error", e.code(), e.text()))
                .build();
        }
        if (e instanceof LimitReachedException limit) {
            return Response.status(429)
                .header("Retry-After", limit.retryAfterSeconds())
                .type(MediaType.APPLICATION_JSON_TYPE)
                .entity(ErrorObject.of("rate_limit_error", e.code(), e.text()))
                .build();
        }
        if (e instanceof InvalidConfigException) {
            return response(400, ErrorObject.of("invalid_request_error", e.code(), e.text()));
        }
        int status = switch (e) {
            case dev.d3s.server.request.NotFoundException missing -> 404;
            case RequestTooLargeException large -> 413;
            case ConflictException conflict -> 409;
            case ForbiddenException forbidden -> 403;
            case UnauthorizedException unknown -> 401;
            case UnprocessableException contradiction -> 422;
            default -> switch (e.category()) { // the hierarchy of exceptions is open
                case USER -> 400;
                case PLUGIN, INTERNAL -> 500;
                case EXTERNAL, RESOURCES -> 503;
            };
        };
        if (status >= 500) {
            LOG.errorf(e, "A request failed: %s", e.text());
        }
        return response(status, ErrorObject.of(type(status), e.code(), e.text()));
    }

    @ServerExceptionMapper
    public Response failure(WebApplicationException e, UriInfo uri) {
        int status = e.getResponse().getStatus();
        String message = switch (e) {
            case NotFoundException missing -> "There is nothing at '" + uri.getPath() + "'; GET /q/openapi lists what "
                    + "there is.";
            case NotAllowedException notAllowed -> "This method is not allowed at '" + uri.getPath()
                    + "'; GET /q/openapi lists what is.";
            case NotSupportedException notSupported -> "The content type is not one that '" + uri.getPath()
                    + "' reads: JSON is application/json, an upload is multipart/form-data.";
            default -> status == 413
                    ? "The request is larger than the server's limit (d3s.files.limit, d3s.requests.limit)."
                    : String.valueOf(e.getMessage()); // the hierarchy of exceptions is open
        };
        if (status >= 500) {
            LOG.error("A request failed.", e);
        }
        return response(status, ErrorObject.of(type(status), null, message));
    }

    @ServerExceptionMapper
    public Response failure(MultipartParser.MalformedMessageException e) {
        return malformed(e);
    }

    private static Response malformed(Exception e) {
        LOG.debug("An upload is malformed.", e);
        return response(400, ErrorObject.of("invalid_request_error", "invalid_multipart",
                "The content is not multipart/form-data: each part begins with the boundary that Content-Type names, "
                        + "headers of its own and an empty line, and the boundary with -- is the end."));
    }

    /** Nobody hears this answer: the client closed its connection, which is its good right. */
    @ServerExceptionMapper
    public Response failure(CancellationException e) {
        return gone(e);
    }

    private static Response gone(Throwable e) {
        LOG.debug("A client went away.", e);
        return response(CLIENT_CLOSED, ErrorObject.of("invalid_request_error", "client_closed",
                "The client closed its connection before the answer."));
    }

    @ServerExceptionMapper
    public Response failure(Throwable e) {
        if (e instanceof IOException io) {
            if (ClientGone.now()) {
                return gone(io);
            }
            if (NO_LAST_BOUNDARY.equals(io.getMessage())) {
                return malformed(io);
            }
        }
        LOG.error("A request failed unexpectedly.", e);
        return response(500, ErrorObject.of("server_error", "internal_error",
                "The server failed (" + e.getClass().getSimpleName() + "); its log has the details."));
    }

    static String type(int status) {
        return status >= 500 ? "server_error" : "invalid_request_error";
    }

    private static Response response(int status, ErrorObject error) {
        return Response.status(status).type(MediaType.APPLICATION_JSON_TYPE).entity(error).build();
    }
}
