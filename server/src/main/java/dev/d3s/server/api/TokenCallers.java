package dev.d3s.server.api;

import java.util.Map;
import java.util.Set;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import jakarta.json.JsonObject;
import jakarta.json.JsonString;

import org.eclipse.microprofile.jwt.JsonWebToken;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Caller;
import dev.d3s.server.access.Organizations;
import dev.d3s.server.access.Role;
import dev.d3s.server.access.Scope;
import dev.d3s.server.access.UnauthorizedException;
import dev.d3s.server.config.AccessSettings;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.identity.AuthenticationRequestContext;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.SecurityIdentityAugmentor;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.quarkus.vertx.http.runtime.security.HttpSecurityUtils;
import io.smallrye.mutiny.Uni;
import io.vertx.ext.web.RoutingContext;

/** Makes callers of the identity provider's tokens, which have been verified before: a claim says the organization, a role the admins. */
@ApplicationScoped
class TokenCallers implements SecurityIdentityAugmentor {
    private final AccessSettings settings;

    @Inject
    TokenCallers(AccessSettings settings) {
        this.settings = settings;
    }

    @Override
    public Uni<SecurityIdentity> augment(SecurityIdentity identity, AuthenticationRequestContext context) {
        return Uni.createFrom().item(identity);
    }

    @Override
    public Uni<SecurityIdentity> augment(SecurityIdentity identity, AuthenticationRequestContext context,
            Map<String, Object> attributes) {
        RoutingContext routing = HttpSecurityUtils.getRoutingContextAttribute(attributes);
        if (routing == null || !(identity.getPrincipal() instanceof JsonWebToken token)) {
            return Uni.createFrom().item(identity);
        }
        String organization = text(token, settings.organizationClaim());
        if (organization == null || !Organizations.allowed(organization)) {
            return Uni.createFrom()
                .failure(new AuthenticationFailedException(UnauthorizedException.key("The token's claim '"
                        + settings.organizationClaim() + "' (d3s.oidc.organization-claim) "
                        + (organization == null ? "is missing" : "is '" + organization + "'")
                        + ": it must name an organization and " + Organizations.RULE + ".")));
        }
        Role role = identity.hasRole(settings.adminRole()) ? Role.ADMIN : Role.USER;
        String subject = token.getSubject();
        Caller caller = new Caller(organization, false, Caller.Kind.TOKEN, subject == null ? token.getName() : subject,
                token.getName(), role, Scope.all(), CallerMechanism.address(routing));
        SecurityIdentity known = QuarkusSecurityIdentity.builder()
            .setPrincipal(token)
            .addCredentials(Set.copyOf(identity.getCredentials()))
            .addAttributes(identity.getAttributes())
            .addRole(role.key()) // none of the provider's: one of them might be called admin
            .addAttribute(CallerMechanism.CALLER, caller)
            .build();
        try {
            return Uni.createFrom().item(CallerMechanism.acting(known, routing));
        } catch (AuthenticationFailedException e) {
            return Uni.createFrom().failure(e);
        }
    }

    private static @Nullable String text(JsonWebToken token, String path) {
        Object value = token.getClaim(path);
        if (value == null && path.contains("/")) {
            String[] parts = path.split("/");
            value = token.getClaim(parts[0]);
            for (int part = 1; part < parts.length; part++) {
                value = value instanceof JsonObject object ? object.get(parts[part]) : null;
            }
        }
        return value instanceof JsonString text ? text.getString() : value instanceof String text ? text : null;
    }
}
