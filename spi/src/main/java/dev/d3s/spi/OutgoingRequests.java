package dev.d3s.spi;

import java.net.InetAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.net.http.HttpRequest;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Predicate;

import org.jspecify.annotations.Nullable;

/**
 * HTTP requests to addresses that users of the server name: in a grader, a webhook, a tracker. They must not lead into the
 * network that the server stands in, unless its operator allows that. The check is made for each request, on the address that
 * the request then goes to, so that neither another spelling of an address nor a name that changes its mind gets around it.
 * Redirections are other requests: a client must not follow them by itself. Thread-safe.
 */
public final class OutgoingRequests {
    /** The setting that a message names to whoever runs the server. */
    public static final String SETTING = "d3s.network.allow";

    private static final String RESTRICTED_HEADERS = "jdk.httpclient.allowRestrictedHeaders";

    /** What the operator allows. */
    @FunctionalInterface
    public interface AllowedAddresses {
        /**
         * Whether requests may go there although it is, or might be, inside the operator's network.
         *
         * @param host as in the URL: a name or a literal address, without brackets
         */
        boolean allows(String host, int port);
    }

    /** How names become addresses. */
    @FunctionalInterface
    interface Resolver {
        InetAddress[] resolve(String host) throws UnknownHostException;
    }

    private final AllowedAddresses allowed;
    private final Resolver resolver;
    private final Predicate<InetAddress> internal;

    static {
        permitHostHeader();
    }

    public OutgoingRequests(AllowedAddresses allowed) {
        this(allowed, InetAddress::getAllByName, InternalAddresses::contain);
    }

    OutgoingRequests(AllowedAddresses allowed, Resolver resolver, Predicate<InetAddress> internal) {
        this.allowed = allowed;
        this.resolver = resolver;
        this.internal = internal;
    }

    /**
     * Lets requests carry a {@code Host} header that is not their URL's, which the JDK reads when its HTTP client is first
     * used; a program calls this before.
     */
    public static void permitHostHeader() {
        String permitted = System.getProperty(RESTRICTED_HEADERS, "");
        if (Arrays.stream(permitted.split(",", -1)).noneMatch(name -> name.strip().equalsIgnoreCase("host"))) {
            System.setProperty(RESTRICTED_HEADERS, permitted.isBlank() ? "host" : permitted + ",host");
        }
    }

    /**
     * What is wrong with a URL as far as that can be said without looking up its name.
     *
     * @return words that follow the name of what holds the URL: "must be ..."; {@code null} for nothing
     */
    public @Nullable String problem(String url) {
        URI uri;
        try {
            uri = new URI(url);
        } catch (URISyntaxException e) {
            return "is no URL: " + e.getReason() + " at character " + (e.getIndex() + 1) + ".";
        }
        if (!isHttp(uri)) {
            return "must be a URL such as https://host.example.org/path: http or https, a host, no user and no fragment.";
        }
        String host = host(uri);
        if (isLiteral(host)) {
            try {
                address(uri);
            } catch (D3sException e) {
                return "must lead elsewhere: " + e.text();
            }
        }
        return null;
    }

    /**
     * Begins a request. It goes to the address that was checked, also when it is sent much later: make a new one for each attempt.
     * (A request over TLS looks its name up again, and ends where the answer has no certificate for that name.)
     *
     * @param uri http or https
     * @throws D3sException of the category USER when it leads to an address that is not allowed, EXTERNAL when there is no such
     *             host
     */
    public HttpRequest.Builder to(URI uri) {
        if (!isHttp(uri)) {
            throw new D3sException(ErrorCategory.USER, "address_not_allowed",
                    "'" + uri.getScheme() + "' requests are not made: it must be http or https, with a host.");
        }
        InetAddress address = address(uri);
        if (address == null || "https".equalsIgnoreCase(uri.getScheme()) || isLiteral(host(uri))) {
            return HttpRequest.newBuilder(uri);
        }
        String literal = address.getHostAddress();
        int scope = literal.indexOf('%');
        String bare = scope < 0 ? literal : literal.substring(0, scope);
        String port = uri.getPort() < 0 ? "" : ":" + uri.getPort();
        String path = uri.getRawPath() == null || uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
        URI pinned = URI.create(uri.getScheme() + "://" + (bare.contains(":") ? "[" + bare + "]" : bare) + port + path
                + (uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery()));
        return HttpRequest.newBuilder(pinned).header("Host", host(uri) + port);
    }

    /** @return where a request must go; {@code null} when that is not ours to say: an allowed name, or one for a proxy to look up */
    private @Nullable InetAddress address(URI uri) {
        String host = host(uri);
        int port = port(uri);
        if (allowed.allows(host, port) || (!isLiteral(host) && isProxied(uri))) {
            return null;
        }
        InetAddress[] addresses;
        try {
            addresses = resolver.resolve(host);
        } catch (UnknownHostException e) {
            throw new D3sException(ErrorCategory.EXTERNAL, "host_not_found", "There is no host '" + host + "'.", e);
        }
        if (Arrays.stream(addresses).anyMatch(internal)) {
            throw new D3sException(ErrorCategory.USER, "address_not_allowed", "'" + host + "' port " + port
                    + " is an address inside this server's network; whoever runs the server can allow it by adding "
                    + host
                    + ":" + port + " to " + SETTING + ".");
        }
        return addresses[0];
    }

    private static boolean isProxied(URI uri) {
        ProxySelector selector = ProxySelector.getDefault();
        return selector != null && selector.select(uri).stream().anyMatch(proxy -> proxy.type() == Proxy.Type.HTTP);
    }

    private static boolean isHttp(URI uri) {
        String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
        return (scheme.equals("http") || scheme.equals("https")) && uri.getHost() != null
                && uri.getRawUserInfo() == null
                && uri.getRawFragment() == null && uri.getPort() <= 65_535;
    }

    /** The host as {@link AllowedAddresses} knows it. */
    public static String host(URI uri) {
        String host = String.valueOf(uri.getHost());
        return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    }

    /** The port, also where the URL does not say it. */
    public static int port(URI uri) {
        return uri.getPort() >= 0 ? uri.getPort() : "https".equalsIgnoreCase(uri.getScheme()) ? 443 : 80;
    }

    private static boolean isLiteral(String host) {
        return host.equalsIgnoreCase("localhost") || host.contains(":")
                || host.chars().allMatch(c -> c == '.' || (c >= '0' && c <= '9'));
    }
}
