package dev.d3s.server.config;

import java.time.Duration;

/**
 * Who may call the server, and how long it is remembered who did what.
 *
 * @param anonymous whether everybody is let in, from everywhere, while there is neither a key nor an identity provider
 * @param organizationClaim of tokens: the caller's organization
 * @param adminRole of tokens: the role of admins
 * @param auditRetention how long entries of the audit log are kept
 */
public record AccessSettings(boolean anonymous, String organizationClaim, String adminRole, Duration auditRetention) {
    public AccessSettings {
        new SettingsCheck()
            .require(!organizationClaim.isBlank(),
                    "d3s.oidc.organization-claim is empty but must name a claim, such as organization.")
            .require(!adminRole.isBlank(), "d3s.oidc.admin-role is empty but must name a role, such as d3s-admin.")
            .require(auditRetention.isPositive(),
                    "d3s.audit.retention is " + auditRetention + " but must be longer than nothing, such as P365D.")
            .orThrow();
    }
}
