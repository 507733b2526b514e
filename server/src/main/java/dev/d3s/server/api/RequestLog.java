package dev.d3s.server.api;

import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;

import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jboss.logging.MDC;
import org.jboss.resteasy.reactive.server.ServerRequestFilter;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.ext.web.RoutingContext;

/**
 * Gives each request an id, which its answer carries as {@code x-request-id}, as OpenAI's do, and which every line of the log
 * carries that is written for it, with who sends it.
 */
@Singleton
class RequestLog {
    private static final String HEADER = "x-request-id";
    /** Before everything that may answer by itself. */
    private static final int FIRST = 10_000;
    /** Where the caller is found once it is known. */
    private static final String CALLER = "d3s.caller";

    private final CurrentVertxRequest request;

    @Inject
    RequestLog(CurrentVertxRequest request) {
        this.request = request;
    }

    void identify(@Observes Filters filters) {
        filters.register(RequestLog::identify, FIRST);
    }

    private static void identify(RoutingContext context) {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        HexFormat hex = HexFormat.of();
        String id = "req_" + hex.toHexDigits(random.nextLong()) + hex.toHexDigits(random.nextLong());
        context.response().putHeader(HEADER, id);
        MDC.put("request", id);
        context.next();
    }

    @ServerRequestFilter
    public void name() {
        RoutingContext context = request.getCurrent();
        @Nullable
        Object caller = context == null ? null : context.get(CALLER);
        if (caller instanceof Caller known) {
            MDC.put("caller", known.id());
            MDC.put("organization", known.organization());
        }
    }
}
