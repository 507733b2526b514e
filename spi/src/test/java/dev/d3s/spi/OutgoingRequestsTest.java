package dev.d3s.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OutgoingRequestsTest {
    private final OutgoingRequests strict = new OutgoingRequests((host, port) -> false);

    /** Names stand for these addresses; literal ones for themselves. */
    private static OutgoingRequests resolving(String... addresses) {
        return new OutgoingRequests((host, port) -> false, host -> {
            if (host.chars().noneMatch(Character::isLetter)) {
                return InetAddress.getAllByName(host);
            }
            if (addresses.length == 0) {
                throw new UnknownHostException(host);
            }
            InetAddress[] resolved = new InetAddress[addresses.length];
            for (int i = 0; i < resolved.length; i++) {
                resolved[i] = InetAddress.ofLiteral(addresses[i]);
            }
            return resolved;
        }, InternalAddresses::contain);
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://127.0.0.1/x", "http://localhost:8080", "HTTP://LOCALHOST/", "https://[::1]:443/",
            "http://192.168.0.1", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://0.0.0.0/",
            "http://0/", "http://127.1/", "http://2130706433/", "http://169.254.169.254/latest/meta-data/",
            "http://[fd00:ec2::254]/", "http://100.100.100.200/", "http://[fe80::1]/", "http://224.0.0.1/",
            "http://10.0.0.1:99999/"})
    void shouldRefuseAnInternalUrlBeforeAnyRequest(String url) {
        assertThat(strict.problem(url)).containsAnyOf("to d3s.network.allow", "There is no host", "must be a URL");
        assertThatThrownBy(() -> strict.to(URI.create(url))).isInstanceOf(D3sException.class);
    }

    /** What the system's resolver makes of other notations counts, so that none of them is a way in. */
    @ParameterizedTest
    @ValueSource(strings = {"http://0x7f000001/", "http://0x7f.0.0.1/", "http://127.0.0.1.nip.example/",
            "http://localhost./", "http://ip6-localhost/"})
    void shouldRefuseOtherNotations(String url) {
        assertThatThrownBy(() -> strict.to(URI.create(url))).isInstanceOf(D3sException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "graders", "/x", "ftp://example.org", "file:///etc/passwd", "gopher://example.org/",
            "http://", "http://a:b@c/", "http://a/#b", "http://a b/", "http:a", "jar:http://a/!/b"})
    void shouldRefuseWhatIsNoUrl(String url) {
        assertThat(strict.problem(url)).containsAnyOf("is no URL", "must be a URL");
    }

    @ParameterizedTest
    @CsvSource({"10.0.0.1,", "127.0.0.1,", "169.254.169.254,", "93.184.216.34, 10.0.0.1", "2606:4700::1111, ::1"})
    void shouldRefuseANameThatStandsForTheInside(String first, String second) {
        OutgoingRequests requests = second == null ? resolving(first) : resolving(first, second);
        assertThat(requests.problem("http://inside.example.org/")).as("names are looked up when they are used")
            .isNull();
        assertThatThrownBy(() -> requests.to(URI.create("https://inside.example.org:8443/x")))
            .isInstanceOfSatisfying(D3sException.class, e -> {
                assertThat(e.category()).isEqualTo(ErrorCategory.USER);
                assertThat(e.code()).isEqualTo("address_not_allowed");
            })
            .hasMessageEndingWith("by adding inside.example.org:8443 to d3s.network.allow.");
    }

    @Test
    void shouldSayWhenThereIsNoHost() {
        assertThatThrownBy(() -> resolving().to(URI.create("http://nowhere.example.org/")))
            .isInstanceOfSatisfying(D3sException.class, e -> assertThat(e.category()).isEqualTo(ErrorCategory.EXTERNAL))
            .hasMessage("There is no host 'nowhere.example.org'.");
    }

    @ParameterizedTest
    @CsvSource({"93.184.216.34, http://service.example.org:8080/a%20b?c=d%26e, http://93.184.216.34:8080/a%20b?c=d%26e",
            "93.184.216.34, http://service.example.org, http://93.184.216.34/",
            "2606:4700::1111, http://service.example.org/x, http://[2606:4700:0:0:0:0:0:1111]/x"})
    void shouldSendToTheAddressThatWasChecked(String address, String url, String pinned) {
        HttpRequest request = resolving(address).to(URI.create(url)).build();

        assertThat(request.uri()).hasToString(pinned);
        assertThat(request.headers().firstValue("Host")).hasValue(URI.create(url).getAuthority());
    }

    @Test
    void shouldLeaveNamesToTlsAndToTheOperator() {
        assertThat(resolving("93.184.216.34").to(URI.create("https://service.example.org/x")).build().uri())
            .hasToString("https://service.example.org/x");
        OutgoingRequests allowing = new OutgoingRequests((host, port) -> host.equals("judge") && port == 80);
        assertThat(allowing.problem("http://judge/x")).isNull();
        assertThat(allowing.to(URI.create("http://judge/x")).build().uri()).hasToString("http://judge/x");
        assertThatThrownBy(() -> allowing.to(URI.create("http://localhost:81/x"))).isInstanceOf(D3sException.class);
    }

    /** A name that first stands for an address outside and then for one inside reaches the first one. */
    @Test
    void shouldNotBeReboundBetweenCheckAndConnection() throws Exception {
        AtomicInteger lookups = new AtomicInteger();
        try (ServerSocket outside = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            OutgoingRequests requests = new OutgoingRequests((host, port) -> false, host -> {
                // loopback plays the outside, so that the test needs no network; 10.0.0.1 is what the name would be next
                return new InetAddress[]{lookups.getAndIncrement() == 0
                        ? InetAddress.getLoopbackAddress()
                        : InetAddress.ofLiteral("10.0.0.1")};
            }, address -> address.getHostAddress().startsWith("10."));
            CompletableFuture<List<String>> received = new CompletableFuture<>();
            Thread.ofVirtual().start(() -> answer(outside, received));
            try (HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
                HttpRequest request = requests
                    .to(URI.create("http://rebound.example.org:" + outside.getLocalPort() + "/hook?x=1"))
                    .POST(HttpRequest.BodyPublishers.noBody())
                    .build();
                assertThat(client.send(request, HttpResponse.BodyHandlers.ofString()).body()).isEqualTo("hello");
            }
            assertThat(received.get(10, TimeUnit.SECONDS)).contains("POST /hook?x=1 HTTP/1.1",
                    "Host: rebound.example.org:" + outside.getLocalPort());
            assertThat(lookups).hasValue(1);
        }
    }

    private static void answer(ServerSocket server, CompletableFuture<List<String>> received) {
        try (Socket socket = server.accept();
                BufferedReader reader = new BufferedReader(
                        new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))) {
            List<String> lines = new ArrayList<>();
            for (String line = reader.readLine(); line != null && !line.isEmpty(); line = reader.readLine()) {
                lines.add(line);
            }
            socket.getOutputStream()
                .write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
                    .getBytes(StandardCharsets.UTF_8));
            received.complete(lines);
        } catch (java.io.IOException e) {
            received.completeExceptionally(e);
        }
    }
}
