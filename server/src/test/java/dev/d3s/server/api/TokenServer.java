package dev.d3s.server.api;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.interfaces.RSAPublicKey;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;

import com.sun.net.httpserver.HttpServer;

/** A {@link ScriptedServer} beside an identity provider that does nothing but show its public key. */
public class TokenServer extends ScriptedServer {
    /** Of the provider's private key: PKCS 8 in base64. */
    static final String KEY = "test.identity-provider.key";
    static final String ISSUER = "https://idp.example.org";
    static final String AUDIENCE = "d3s";

    @Override
    public Map<String, String> getConfigOverrides() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
            generator.initialize(2048);
            KeyPair pair = generator.generateKeyPair();
            RSAPublicKey shown = (RSAPublicKey) pair.getPublic();
            byte[] jwks = ("{\"keys\": [{\"kty\": \"RSA\", \"kid\": \"one\", \"use\": \"sig\", \"alg\": \"RS256\", \"n\": \""
                    + base64(shown.getModulus()) + "\", \"e\": \"" + base64(shown.getPublicExponent()) + "\"}]}")
                .getBytes(StandardCharsets.US_ASCII);
            HttpServer provider = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            provider.createContext("/jwks", exchange -> {
                exchange.getResponseHeaders().add("Content-Type", "application/json");
                exchange.sendResponseHeaders(200, jwks.length);
                try (exchange) {
                    exchange.getResponseBody().write(jwks);
                }
            });
            provider.setExecutor(task -> Thread.ofPlatform().daemon().start(task));
            provider.start();
            Map<String, String> settings = new HashMap<>(super.getConfigOverrides());
            settings.put("quarkus.oidc.auth-server-url", "http://127.0.0.1:" + provider.getAddress().getPort());
            settings.put("quarkus.oidc.discovery-enabled", "false");
            settings.put("quarkus.oidc.jwks-path", "/jwks");
            settings.put("quarkus.oidc.token.issuer", ISSUER);
            settings.put("quarkus.oidc.token.audience", AUDIENCE);
            settings.put("quarkus.oidc.roles.role-claim-path", "roles");
            settings.put("d3s.oidc.organization-claim", "lab/name");
            settings.put(KEY, Base64.getEncoder().encodeToString(pair.getPrivate().getEncoded()));
            return settings;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String base64(BigInteger number) {
        byte[] bytes = number.toByteArray();
        return Base64.getUrlEncoder()
            .withoutPadding()
            .encodeToString(bytes[0] == 0 ? Arrays.copyOfRange(bytes, 1, bytes.length) : bytes);
    }
}
