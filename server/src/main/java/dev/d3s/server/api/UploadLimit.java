package dev.d3s.server.api;

import java.io.File;
import java.util.Locale;

import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.api.Wire.ErrorObject;
import dev.d3s.server.config.RequestLimits;
import dev.d3s.server.config.ServerSettings;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;

/**
 * What is wrong with a request before its content is read: it announces itself as too large, where the HTTP server alone would
 * answer with an empty body, its address has a NUL character, which no database looks up, or its content does not arrive. On
 * the event loops.
 */
@Singleton
class UploadLimit {
    /** Before the HTTP server reads the body, which is where it looks at the length. */
    private static final int FIRST = Integer.MIN_VALUE;
    /** What an upload leaves on the disk, for jobs that run. */
    private static final long SPACE_LEFT = 16L << 20;
    private static final int SLOWEST_BYTES_PER_SECOND = 1024;

    private final RequestJson json;
    private final Vertx vertx;
    private final long limit;
    private final RequestLimits limits;
    private final File home;

    @Inject
    UploadLimit(RequestJson json, ServerSettings settings, RequestLimits limits, Vertx vertx) {
        this.json = json;
        this.limit = settings.uploadLimit();
        this.limits = limits;
        this.home = settings.home().toFile();
        this.vertx = vertx;
    }

    void register(@Observes Router router) {
        router.route().order(FIRST).handler(context -> {
            HttpServerRequest request = context.request();
            String uri = String.valueOf(request.uri()).toLowerCase(Locale.ROOT);
            if (uri.contains("%00") || uri.indexOf(0) >= 0) {
                refuse(context, 400, "invalid_value", "The address of the request has a NUL character: remove it.");
                return;
            }
            String length = request.getHeader("Content-Length");
            if (length != null && length.matches("\\d{1,18}") && Long.parseLong(length) > limit) {
                refuse(context, 413, "request_too_large", "The request has " + length
                        + " bytes; the server's limit is " + limit
                        + " (d3s.files.limit). Send less, or raise the limit.");
                return;
            }
            String type = String.valueOf(request.getHeader("Content-Type")).toLowerCase(Locale.ROOT);
            if (length != null && length.matches("\\d{1,18}") && Long.parseLong(length) > limits.json()
                    && !type.startsWith("multipart/")) {
                refuse(context, 413, "request_too_large", "The request has more than " + limits.json()
                        + " bytes (d3s.requests.limit): send less, or upload it with POST /v1/files.");
                return;
            }
            if (length != null && length.matches("\\d{7,18}")) {
                long free = home.getUsableSpace();
                if (free < Long.parseLong(length) + SPACE_LEFT) {
                    refuse(context, 503, "disk_full", "The request has " + length + " bytes; the server's disk has "
                            + free + " left: free space under d3s.home, then send it again.");
                    return;
                }
            }
            if ((length != null && !length.equals("0")) || request.getHeader("Transfer-Encoding") != null) {
                if (request.getHeader("Content-Type") == null) {
                    refuse(context, 415, "unsupported_media_type",
                            "The request has content and no Content-Type: JSON is "
                                    + "application/json, an upload is multipart/form-data.");
                    return;
                }
                watch(context);
            }
            context.next();
        });
    }

    private void refuse(RoutingContext context, int status, String code, String message) {
        context.response()
            .setStatusCode(status)
            .putHeader("Content-Type", "application/json")
            .putHeader("Connection", "close")
            .end(json.write(ErrorObject.of(ErrorMapper.type(status), code, message)));
    }

    /** Closes the connection when content is announced and hardly arrives: each such client would hold what its request needs. */
    private void watch(RoutingContext context) {
        HttpServerRequest request = context.request();
        long least = Math.max(1, SLOWEST_BYTES_PER_SECOND * limits.patience().toMillis() / 1000);
        long[] before = {0};
        long timer = vertx.setPeriodic(limits.patience().toMillis(), id -> {
            long now = request.bytesRead();
            if (request.isEnded()) {
                vertx.cancelTimer(id);
            } else if (now - before[0] < least) {
                vertx.cancelTimer(id);
                request.connection().close();
            }
            before[0] = now;
        });
        context.addEndHandler(ended -> vertx.cancelTimer(timer));
    }
}
