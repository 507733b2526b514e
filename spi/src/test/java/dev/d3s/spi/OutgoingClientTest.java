package dev.d3s.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import com.sun.net.httpserver.HttpServer;

class OutgoingClientTest {
    private final OutgoingClient client = new OutgoingClient(Duration.ofSeconds(20));
    private final OutgoingRequests requests = new OutgoingRequests((host, port) -> true);
    private final CountDownLatch asked = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);
    private HttpServer server;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/moved", exchange -> {
            exchange.getResponseHeaders().set("Location", "/there");
            exchange.sendResponseHeaders(302, -1);
            exchange.close();
        });
        server.createContext("/waits", exchange -> {
            asked.countDown();
            try {
                released.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            exchange.close();
        });
        server.start();
    }

    @AfterEach
    void stop() {
        client.close();
        released.countDown();
        server.stop(0);
    }

    private HttpRequest request(String path) {
        return requests.to(URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path)).build();
    }

    @Test
    void shouldLeaveRedirectionsToItsCaller() throws Exception {
        HttpResponse<Void> response = client.open().send(request("/moved"), BodyHandlers.discarding());
        assertThat(response.statusCode()).isEqualTo(302);
        assertThat(response.version()).isEqualTo(HttpClient.Version.HTTP_1_1);
    }

    @Test
    void shouldBeOneClient() throws Exception {
        assertThat(client.open()).isSameAs(client.open());
    }

    @Test
    void shouldBreakOffWhatIsUnderWayWhenClosed() throws Exception {
        CompletableFuture<HttpResponse<Void>> sent = client.open()
            .sendAsync(request("/waits"), BodyHandlers.discarding());
        assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();
        client.close();
        assertThatThrownBy(() -> sent.get(30, TimeUnit.SECONDS)).isInstanceOf(ExecutionException.class)
            .hasCauseInstanceOf(IOException.class);
    }

    @Test
    void shouldNotOpenAgain() {
        client.close();
        assertThatThrownBy(client::open).isInstanceOf(IOException.class).hasMessage("The client is closed");
    }
}
