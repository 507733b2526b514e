package dev.d3s.server.hub;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.OutgoingClient;
import dev.d3s.spi.OutgoingRequests;

/**
 * GET requests to the hub and to wherever it sends us. The token goes to the hub alone. A hub on the internet can not send us into
 * our own network, nor from https to http. Thread-safe; whoever made it closes it.
 */
final class HubConnection implements AutoCloseable {
    private static final int MOST_REDIRECTS = 10;
    private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
    private static final Set<Integer> PASSING = Set.of(408, 425, 429, 500, 502, 503, 504);
    private static final Pattern RATE_LIMIT_RESET = Pattern.compile(";\\s*t=(\\d{1,9})");
    /** Headers that the hub itself sends, although another host has the content. */
    private static final Set<String> HUB_HEADERS = Set.of("x-repo-commit", "x-linked-etag", "x-linked-size");

    private final HubSettings settings;
    private final OutgoingClient client;
    private final OutgoingRequests requests;

    HubConnection(HubSettings settings) {
        this(settings, internal(settings.endpoint()));
    }

    /** @param internalHub whether the hub is in our own network, and may lead to others there */
    HubConnection(HubSettings settings, boolean internalHub) {
        this.settings = settings;
        this.client = new OutgoingClient(settings.idle());
        this.requests = new OutgoingRequests((host, port) -> internalHub
                || (host.equalsIgnoreCase(OutgoingRequests.host(settings.endpoint()))
                        && port == OutgoingRequests.port(settings.endpoint())));
    }

    /** An answer whose body is still to be read; whoever asked closes it. */
    record Answer(int status, Map<String, String> headers, InputStream body, boolean fromHub) implements AutoCloseable {
        /** The first value of a header. */
        @Nullable
        String header(String name) {
            return headers.get(name.toLowerCase(Locale.ROOT));
        }

        @Override
        public void close() throws IOException {
            body.close();
        }
    }

    /**
     * Asks, and goes where it is sent.
     *
     * @param uri on the hub
     * @param from first byte wanted
     * @return any status but a redirection and those that pass
     * @throws HubFailures.Passing and other {@link IOException}s for what is worth another attempt
     * @throws D3sException for a redirection that nobody should follow
     */
    Answer get(URI uri, long from) throws IOException, InterruptedException {
        Map<String, String> hubHeaders = new HashMap<>();
        URI at = uri;
        for (int redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
            boolean hub = isHub(at);
            HttpResponse<InputStream> response = send(at, from, hub);
            Map<String, String> headers = new HashMap<>();
            response.headers()
                .map()
                .forEach((name, values) -> headers.put(name.toLowerCase(Locale.ROOT), values.getFirst()));
            if (hub) {
                HUB_HEADERS.stream()
                    .filter(headers::containsKey)
                    .forEach(name -> hubHeaders.put(name, headers.get(name)));
            }
            int status = response.statusCode();
            if (REDIRECTS.contains(status)) {
                response.body().close();
                at = next(at, headers.get("location"));
                continue;
            }
            if (PASSING.contains(status)) {
                response.body().close();
                throw new HubFailures.Passing(at.getHost() + " answered with status " + status,
                        retryAfter(headers.get("retry-after"), headers.get("ratelimit")));
            }
            headers.putAll(hubHeaders);
            return new Answer(status, headers, response.body(), hub);
        }
        throw HubFailures.redirect(uri, String.valueOf(at), "is one redirection too many");
    }

    private HttpResponse<InputStream> send(URI uri, long from, boolean hub) throws IOException, InterruptedException {
        HttpRequest.Builder request = request(uri)
            .timeout(settings.idle())
            .header("User-Agent", "d3s-server")
            .header("Accept-Encoding", "identity");
        String token = settings.token();
        if (hub && token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        if (from > 0) {
            request.header("Range", "bytes=" + from + "-");
        }
        try {
            return client.open().send(request.build(), BodyHandlers.ofInputStream());
        } catch (HttpTimeoutException e) {
            throw new IOException(uri.getHost() + " did not answer within " + settings.idle().toSeconds() + " s", e);
        } catch (ConnectException e) {
            throw new IOException(
                    "there is no connection to " + uri.getHost() + " on port " + OutgoingRequests.port(uri),
                    e);
        }
    }

    private HttpRequest.Builder request(URI uri) throws IOException {
        try {
            return requests.to(uri);
        } catch (D3sException e) {
            if (e.category() == ErrorCategory.EXTERNAL) {
                throw new IOException("there is no host " + uri.getHost(), e);
            }
            throw HubFailures.redirect(settings.endpoint(), uri.getHost(),
                    "is an address inside the server's own network: that is refused unless d3s.hub.endpoint is there too");
        }
    }

    /** Where a redirection leads, if we may go there. */
    private URI next(URI from, @Nullable String location) {
        URI to;
        try {
            to = from.resolve(new URI(location == null ? "" : location));
        } catch (URISyntaxException e) {
            throw HubFailures.redirect(from, String.valueOf(location), "is not an address");
        }
        String scheme = String.valueOf(to.getScheme()).toLowerCase(Locale.ROOT);
        if (location == null || to.getHost() == null || !(scheme.equals("https") || scheme.equals("http"))) {
            throw HubFailures.redirect(from, String.valueOf(location), "is not an http address");
        }
        if (scheme.equals("http") && "https".equalsIgnoreCase(from.getScheme())) {
            throw HubFailures.redirect(from, scheme + "://" + to.getHost(), "is not encrypted, as the hub is");
        }
        return to;
    }

    /** Whether a request to there is a request to the hub that the settings name. */
    boolean isHub(URI uri) {
        URI hub = settings.endpoint();
        return uri.getHost() != null && uri.getHost().equalsIgnoreCase(hub.getHost())
                && String.valueOf(uri.getScheme()).equalsIgnoreCase(hub.getScheme())
                && OutgoingRequests.port(uri) == OutgoingRequests.port(hub);
    }

    private static boolean internal(URI uri) {
        try {
            new OutgoingRequests((host, port) -> false).to(uri);
            return false;
        } catch (D3sException e) {
            return e.category() == ErrorCategory.USER;
        }
    }

    /** @param rateLimit how Hugging Face says it: {@code "api";r=0;t=55} for 55 seconds */
    private static @Nullable Duration retryAfter(@Nullable String header, @Nullable String rateLimit) {
        if (header == null) {
            Matcher reset = RATE_LIMIT_RESET.matcher(rateLimit == null ? "" : rateLimit);
            return reset.find() ? Duration.ofSeconds(Long.parseLong(reset.group(1))) : null;
        }
        try {
            return Duration.ofSeconds(Math.max(0, Long.parseLong(header.strip())));
        } catch (NumberFormatException e) {
            try {
                Duration until = Duration.between(ZonedDateTime.now(ZoneOffset.UTC),
                        ZonedDateTime.parse(header.strip(), DateTimeFormatter.RFC_1123_DATE_TIME));
                return until.isNegative() ? Duration.ZERO : until;
            } catch (DateTimeException noDate) {
                return null;
            }
        }
    }

    /** Ends requests that are under way, too. */
    @Override
    public void close() {
        client.close();
    }
}
