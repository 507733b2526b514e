package dev.d3s.server.api;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Set;

import jakarta.inject.Inject;

import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

import dev.d3s.server.access.Caller;
import dev.d3s.server.access.KeyService;
import dev.d3s.server.access.Role;
import dev.d3s.server.access.Scope;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.restassured.response.ValidatableResponse;

/** Tokens of an identity provider, signed here, beside API keys. */
@QuarkusTest
@TestProfile(TokenServer.class)
class TokenTest {
    private static final String RS256 = "{\"alg\": \"RS256\", \"kid\": \"one\", \"typ\": \"JWT\"}";

    @ConfigProperty(name = TokenServer.KEY)
    String key;

    @Inject
    KeyService keys;

    private static String claims(String lab, String roles, String audience, long seconds) {
        long now = System.currentTimeMillis() / 1000;
        return "{\"iss\": \"" + TokenServer.ISSUER + "\", \"aud\": \"" + audience
                + "\", \"sub\": \"user-7\", \"upn\": \"alice\","
                + " \"lab\": {\"name\": \"" + lab + "\"}, \"roles\": [" + roles + "], \"iat\": " + (now - 1000)
                + ", \"exp\": " + (now + seconds) + "}";
    }

    private PrivateKey providers() throws GeneralSecurityException {
        return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(key)));
    }

    private static String base64(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    private static String token(String header, String claims, PrivateKey key) throws GeneralSecurityException {
        String content = base64(header.getBytes(StandardCharsets.UTF_8)) + "."
                + base64(claims.getBytes(StandardCharsets.UTF_8));
        Signature signature = Signature.getInstance("SHA256withRSA");
        signature.initSign(key);
        signature.update(content.getBytes(StandardCharsets.US_ASCII));
        return content + "." + base64(signature.sign());
    }

    private static ValidatableResponse get(String token, String path) {
        return given().header("Authorization", "Bearer " + token).get(path).then();
    }

    private static void refused(String token) {
        get(token, "/v1/files").statusCode(401).body("error.code", is("invalid_api_key"));
    }

    @Test
    void shouldKnowTheCallerByItsClaims() throws Exception {
        String alice = token(RS256, claims("lab-a", "\"researcher\"", TokenServer.AUDIENCE, 600), providers());
        String file = given().header("Authorization", "Bearer " + alice)
            .multiPart("purpose", "fine-tune")
            .multiPart("file", "rows.jsonl", new byte[]{'{', '}'})
            .post("/v1/files")
            .then()
            .statusCode(200)
            .extract()
            .path("id");
        get(alice, "/v1/files/" + file).statusCode(200);
        get(alice, "/v1/organization/audit_logs").statusCode(403);

        get(token(RS256, claims("lab-b", "", TokenServer.AUDIENCE, 600), providers()), "/v1/files/" + file)
            .statusCode(404);

        String boss = token(RS256, claims("lab-a", "\"d3s-admin\"", TokenServer.AUDIENCE, 600), providers());
        given().header("Authorization", "Bearer " + boss)
            .queryParam("resource_ids[]", file)
            .get("/v1/organization/audit_logs")
            .then()
            .statusCode(200)
            .body("data[0].actor.type", is("session"))
            .body("data[0].actor.session.user.id", is("user-7"))
            .body("data[0].actor.name", is("alice"));
        // a role that is called as ours makes nobody an admin
        get(token(RS256, claims("lab-a", "\"admin\"", TokenServer.AUDIENCE, 600), providers()), "/q/metrics")
            .statusCode(403);
    }

    @Test
    void shouldRefuseEveryOtherToken() throws Exception {
        refused(token(RS256, claims("lab-a", "", TokenServer.AUDIENCE, -600), providers()));
        refused(token(RS256, claims("lab-a", "", "somebody-else", 600), providers()));
        refused(token(RS256,
                claims("lab-a", "", TokenServer.AUDIENCE, 600).replace(TokenServer.ISSUER, "https://evil.example.org"),
                providers()));
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        refused(token(RS256, claims("lab-a", "", TokenServer.AUDIENCE, 600), generator.generateKeyPair().getPrivate()));
        String unsigned = base64("{\"alg\": \"none\"}".getBytes(StandardCharsets.UTF_8)) + "."
                + base64(claims("lab-a", "\"d3s-admin\"", TokenServer.AUDIENCE, 600).getBytes(StandardCharsets.UTF_8))
                + ".";
        refused(unsigned);
        refused("nonsense");
        given().get("/v1/files").then().statusCode(401);
    }

    @Test
    void shouldNameTheClaimThatIsMissing() throws Exception {
        String nowhere = token(RS256, claims("lab-a", "", TokenServer.AUDIENCE, 600).replace("\"lab\":", "\"other\":"),
                providers());

        get(nowhere, "/v1/files").statusCode(401)
            .body("error.message", containsString("'lab/name' (d3s.oidc.organization-claim) is missing"));
    }

    @Test
    void shouldTakeKeysBesideTokens() {
        String secret = keys
            .create(Caller.anonymous("lab-a", null), "lab-a", "script", Role.USER, Set.of(Scope.FILES_READ), null)
            .secret()
            .text();

        get(secret, "/v1/files").statusCode(200);
        get(secret, "/v1/models").statusCode(403);
    }
}
