package dev.d3s.server.api;

import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
import dev.d3s.server.access.KeySecret;
import dev.d3s.server.access.UnauthorizedException;
import dev.d3s.server.api.Wire.ErrorObject;
import dev.d3s.server.config.Listening;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.identity.IdentityProviderManager;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.request.AuthenticationRequest;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.quarkus.vertx.http.runtime.security.ChallengeData;
import io.quarkus.vertx.http.runtime.security.HttpAuthenticationMechanism;
import io.quarkus.vertx.http.runtime.security.HttpSecurityUtils;
import io.smallrye.mutiny.Uni;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.HostAndPort;
import io.vertx.ext.web.RoutingContext;

/**
 * Finds out who sends a request, for every path that needs to know: API keys itself; other bearer tokens it leaves to Quarkus'
 * OpenID Connect, where that is configured; and where there is neither, everybody on this machine is the anonymous admin. It also
 * words every refusal.
 */
@ApplicationScoped
class CallerMechanism implements HttpAuthenticationMechanism {
    /** Attribute of an identity: its {@link Caller}. */
    static final String CALLER = "d3s.caller";
    /** Which organization an admin wants to act for. */
    static final String ORGANIZATION = "OpenAI-Organization";

    /** Before that of OpenID Connect, so that refusals are this one's. */
    private static final int PRIORITY = DEFAULT_PRIORITY + 1000;
    private static final String BEARER = "bearer ";
    private static final Pattern LITERAL = Pattern.compile("[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*");

    private final Listening listening;
    private final RequestJson json;

    @Inject
    CallerMechanism(Listening listening, RequestJson json) {
        this.listening = listening;
        this.json = json;
    }

    @Override
    public Uni<SecurityIdentity> authenticate(RoutingContext context, IdentityProviderManager identities) {
        String token = token(context);
        boolean key = token != null && token.startsWith(KeySecret.BEGINNING);
        if (!key && token != null && listening.identityProvider()) {
            return Uni.createFrom().nullItem();
        }
        CallerRequest request = new CallerRequest(key ? token : null, address(context), local(context.request()));
        HttpSecurityUtils.setRoutingContextAttribute(request, context);
        return identities.authenticate(request).map(identity -> acting(identity, context));
    }

    /** The identity with the organization that the request names. */
    static SecurityIdentity acting(SecurityIdentity identity, RoutingContext context) {
        Caller caller = identity.getAttribute(CALLER);
        try {
            Caller acting = caller.actingFor(context.request().getHeader(ORGANIZATION));
            context.put(CALLER, acting);
            return QuarkusSecurityIdentity.builder(identity).addAttribute(CALLER, acting).build();
        } catch (UnauthorizedException e) {
            throw new AuthenticationFailedException(e);
        }
    }

    static String address(RoutingContext context) {
        return context.request().remoteAddress().hostAddress();
    }

    private static @Nullable String token(RoutingContext context) {
        String header = context.request().getHeader("Authorization");
        return header != null && header.toLowerCase(Locale.ROOT).startsWith(BEARER)
                ? header.substring(BEARER.length()).strip()
                : null;
    }

    /**
     * Whether a request comes from this machine and was meant for it: a page of somebody else's in a browser here can send
     * requests, too, under its own name or one that it has pointed to this machine.
     */
    private static boolean local(HttpServerRequest request) {
        HostAndPort host = request.authority();
        String origin = request.getHeader("Origin");
        return loopback(request.remoteAddress().hostAddress()) && (host == null || loopback(host.host()))
                && (origin == null || loopback(host(origin)));
    }

    private static @Nullable String host(String origin) {
        try {
            return new URI(origin).getHost();
        } catch (URISyntaxException e) {
            return null;
        }
    }

    private static boolean loopback(@Nullable String host) {
        if (host == null) {
            return false;
        }
        String name = host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
        try {
            return name.equalsIgnoreCase("localhost")
                    || (LITERAL.matcher(name).matches() && InetAddress.getByName(name).isLoopbackAddress());
        } catch (UnknownHostException e) {
            return false;
        }
    }

    @Override
    public Uni<ChallengeData> getChallenge(RoutingContext context) {
        return Uni.createFrom().item(new ChallengeData(401, "WWW-Authenticate", "Bearer"));
    }

    @Override
    public Uni<Boolean> sendChallenge(RoutingContext context) {
        context.response()
            .setStatusCode(401)
            .putHeader("WWW-Authenticate", "Bearer")
            .putHeader("Content-Type", "application/json")
            // what else the client wants to send is not read
            .putHeader("Connection", "close")
            .end(json.write(refused(context, HttpSecurityUtils.getAuthenticationFailureFromEvent(context))));
        return Uni.createFrom().item(true);
    }

    /** What somebody is told who was not let in. */
    static ErrorObject refused(RoutingContext context, @Nullable Throwable failure) {
        UnauthorizedException refusal = CallerProvider.refusal(failure);
        String message = refusal != null
                ? refusal.text()
                : token(context) == null
                        ? "The request has no API key or token: send the header Authorization: Bearer ..."
                        : "The token is not valid here: it may have expired, be meant for somebody else, or come from an identity"
                                + " provider that this server does not know.";
        return ErrorObject.of("invalid_request_error", refusal == null ? "invalid_api_key" : refusal.code(), message);
    }

    @Override
    public Set<Class<? extends AuthenticationRequest>> getCredentialTypes() {
        return Set.of(CallerRequest.class);
    }

    @Override
    public int getPriority() {
        return PRIORITY;
    }
}
