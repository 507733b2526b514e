package dev.d3s.server.api;

import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.api.Wire.ErrorObject;
import dev.d3s.server.config.ServerSettings;
import io.vertx.ext.web.Router;

/** Refuses what announces itself as too large with words; the HTTP server alone would answer with an empty body. */
@Singleton
class UploadLimit {
    /** Before the HTTP server reads the body, which is where it looks at the length. */
    private static final int FIRST = Integer.MIN_VALUE;

    private final RequestJson json;
    private final long limit;

    @Inject
    UploadLimit(RequestJson json, ServerSettings settings) {
        this.json = json;
        this.limit = settings.uploadLimit();
    }

    void register(@Observes Router router) {
        router.route().order(FIRST).handler(context -> {
            String length = context.request().getHeader("Content-Length");
            if (length == null || !length.matches("\\d{1,18}") || Long.parseLong(length) <= limit) {
                context.next();
                return;
            }
            context.response()
                .setStatusCode(413)
                .putHeader("Content-Type", "application/json")
                .putHeader("Connection", "close")
                .end(json.write(ErrorObject.of("invalid_request_error", "request_too_large",
                        "The request has " + length + " bytes; the server's limit is " + limit
                                + " (d3s.files.limit). Send less, or raise the limit.")));
        });
    }
}
