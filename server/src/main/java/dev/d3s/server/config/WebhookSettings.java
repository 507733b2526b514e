package dev.d3s.server.config;

import java.net.URI;
import java.time.Duration;
import java.util.Base64;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * Whom to tell of jobs that have ended.
 *
 * @param url where to; {@code null} for nowhere
 * @param secret {@code whsec_} and the key of the signatures in base64; {@code null} only without an address
 * @param patience how long a report that nobody accepts is tried again
 */
public record WebhookSettings(@Nullable URI url, @Nullable String secret, Duration patience) {
    public static final WebhookSettings NONE = new WebhookSettings(null, null, Duration.ofDays(3));

    private static final String PREFIX = "whsec_";

    public WebhookSettings {
        new SettingsCheck()
            .require(url == null || (url.getHost() != null && url.getUserInfo() == null
                    && List.of("http", "https").contains(url.getScheme())),
                    "d3s.webhooks.url is " + url
                            + " but must be an address such as https://example.org/d3s, without a user.")
            .require(url == null || secret != null,
                    "d3s.webhooks.url is given without d3s.webhooks.secret: make one with: "
                            + "echo whsec_$(openssl rand -base64 32)")
            .require(secret == null || isKey(secret),
                    "d3s.webhooks.secret must be whsec_ and 24 to 64 bytes in base64: make one with: "
                            + "echo whsec_$(openssl rand -base64 32)")
            .require(patience.isPositive(),
                    "d3s.webhooks.patience is " + patience + " but must be longer than nothing, such as P3D.")
            .orThrow();
    }

    private static boolean isKey(String secret) {
        try {
            int bytes = Base64.getDecoder()
                .decode(secret.substring(secret.startsWith(PREFIX) ? PREFIX.length() : 0)).length;
            return secret.startsWith(PREFIX) && bytes >= 24 && bytes <= 64;
        } catch (IllegalArgumentException e) {
            return false; // not base64
        }
    }

    /** The key of the signatures. */
    public byte[] key() {
        return secret == null ? new byte[0] : Base64.getDecoder().decode(secret.substring(PREFIX.length()));
    }

    /** Without the secret, which has no business in a log. */
    @Override
    public String toString() {
        return "WebhookSettings[url=" + url + ", secret=" + (secret == null ? "none" : "given") + ", patience="
                + patience + "]";
    }
}
