package dev.d3s.server.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.spi.D3sException;

class HubConnectionTest {
    private static final byte[] CONTENT = {1, 2, 3};

    private final StubHub stub = new StubHub().token("secret");

    @AfterEach
    void close() {
        stub.close();
    }

    private HubConnection connection(boolean internalHub) {
        return new HubConnection(
                new HubSettings(stub.endpoint(), "secret", 1, Duration.ofSeconds(10), 1, Duration.ZERO),
                internalHub);
    }

    private URI file(String name) {
        stub.add("org/model", Map.of(name, CONTENT));
        return URI.create(stub.endpoint() + "/org/model/resolve/main/" + name);
    }

    @Test
    void shouldFollowTheHubToAnotherHostWithoutTheToken() throws Exception {
        URI uri = file("model.safetensors");
        try (HubConnection connection = connection(true); HubConnection.Answer answer = connection.get(uri, 1)) {
            assertThat(answer.status()).isEqualTo(206);
            assertThat(answer.fromHub()).isFalse();
            assertThat(answer.body().readAllBytes()).containsExactly(2, 3);
            assertThat(answer.header("x-linked-size")).as("the hub's own words about it").isEqualTo("3");
            assertThat(answer.header("ETag")).as("of the host that has it").isEqualTo("\"of-the-store\"");
        }
        assertThat(stub.requests("hub", "model.safetensors")).extracting(StubHub.Request::authorization)
            .containsExactly("Bearer secret");
        assertThat(stub.requests("store", "model.safetensors")).extracting(StubHub.Request::authorization)
            .containsExactly("null");
    }

    @Test
    void shouldFollowARelativeRedirectionWithTheToken() throws Exception {
        URI uri = file("config.json");
        try (HubConnection connection = connection(true); HubConnection.Answer answer = connection.get(uri, 0)) {
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.fromHub()).isTrue();
            assertThat(answer.body().readAllBytes()).containsExactly(CONTENT);
        }
        assertThat(stub.requests()).extracting(StubHub.Request::authorization)
            .containsExactly("Bearer secret", "Bearer secret");
    }

    @Test
    void shouldNotBeSentIntoItsOwnNetworkByAHubOnTheInternet() {
        URI uri = file("model.safetensors");
        try (HubConnection connection = connection(false)) {
            assertThatThrownBy(() -> connection.get(uri, 0)).isInstanceOf(D3sException.class)
                .hasMessage(
                        "The hub redirects from 127.0.0.1 to 127.0.0.1, which is an address inside the server's own network: "
                                + "that is refused unless d3s.hub.endpoint is there too.");
        }
        assertThat(stub.requests("store", "model.safetensors")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"file:///etc/passwd", "ftp://example.org/x", "http:relative-without-host", "//",
            "http://a b"})
    void shouldNotFollowWhatIsNotHttp(String location) {
        URI uri = file("config.json");
        stub.fail("config.json", StubHub.redirect(location));
        try (HubConnection connection = connection(true)) {
            assertThatThrownBy(() -> connection.get(uri, 0)).isInstanceOf(D3sException.class)
                .hasMessageContaining("The hub redirects from 127.0.0.1 to");
        }
    }

    @Test
    void shouldNotGoRoundInCircles() {
        URI uri = file("config.json");
        String again = "/api/resolve-cache/models/org/model/x/config.json";
        stub.fail("config.json", Collections.nCopies(20, StubHub.redirect(again)).toArray(StubHub.Fault[]::new));
        try (HubConnection connection = connection(true)) {
            assertThatThrownBy(() -> connection.get(uri, 0)).isInstanceOf(D3sException.class)
                .hasMessageContaining("is one redirection too many");
        }
    }
}
