package dev.d3s.server.webhook;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * One attempt to tell of something, as OpenAI's webhooks do, signed as the Standard Webhooks specification wants it
 * (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body.
 *
 * @param body JSON
 * @param headers with the signature
 */
record WebhookMessage(String body, Map<String, String> headers) {
    private static final String ALGORITHM = "HmacSHA256";

    /** @param now seconds since 1970 of the attempt, which receivers compare with their clock */
    static WebhookMessage of(WebhookOutbox.Report report, byte[] key, long now) {
        ObjectNode event = JsonNodeFactory.instance.objectNode();
        event.put("id", report.id());
        event.put("object", "event");
        event.put("created_at", report.createdAt() / 1000);
        event.put("type", report.type());
        event.putObject("data").put("id", report.subject());
        String body = event.toString();
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("Content-Type", "application/json");
        headers.put("webhook-id", report.id());
        headers.put("webhook-timestamp", Long.toString(now));
        headers.put("webhook-signature", "v1," + signature(key, report.id() + "." + now + "." + body));
        return new WebhookMessage(body, headers);
    }

    private static String signature(byte[] key, String content) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(key, ALGORITHM));
            return Base64.getEncoder().encodeToString(mac.doFinal(content.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("Every Java has " + ALGORITHM, e);
        }
    }
}
