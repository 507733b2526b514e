package dev.d3s.plugins.graders;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.GraderServices;

/**
 * A URL that a job names, with who may be reached and what may be told there. A job must not use the server to reach its
 * operator's network, nor to carry off secrets that the operator gave to graders.
 */
final class Endpoint {
    /** Only variables that the operator means for graders can be named by a job. */
    private static final Pattern VARIABLE = Pattern.compile("D3S_GRADER_[A-Z0-9_]{1,60}");

    private final URI uri;
    private final String host;
    private final int port;
    private final GraderServices services;

    private Endpoint(URI uri, String host, int port, GraderServices services) {
        this.uri = uri;
        this.host = host;
        this.port = port;
        this.services = services;
    }

    /** @return null when there is a problem */
    static @Nullable Endpoint of(String key, String text, GraderServices services, List<ConfigProblem> problems) {
        URI uri;
        try {
            uri = new URI(text);
        } catch (URISyntaxException e) {
            problems.add(new ConfigProblem(key, "'" + key + "' is no URL: " + e.getReason() + " at character "
                    + (e.getIndex() + 1) + "."));
            return null;
        }
        String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
        String host = uri.getHost();
        if (!List.of("http", "https").contains(scheme) || host == null || uri.getRawUserInfo() != null
                || uri.getRawFragment() != null) {
            problems.add(new ConfigProblem(key, "'" + key
                    + "' must be a URL such as https://graders.example.org/score: http or https, a host, no user and no fragment."));
            return null;
        }
        String bare = host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
        int port = uri.getPort() >= 0 ? uri.getPort() : scheme.equals("https") ? 443 : 80;
        Endpoint endpoint = new Endpoint(uri, bare, port, services);
        if (endpoint.isLiteral() && !endpoint.mayBeReached(key, problems)) {
            return null;
        }
        return endpoint;
    }

    URI uri() {
        return uri;
    }

    /** The same place, further down. */
    URI resolve(String path) {
        String text = uri.toString();
        return URI.create((text.endsWith("/") ? text.substring(0, text.length() - 1) : text) + path);
    }

    private boolean isLiteral() {
        return host.equalsIgnoreCase("localhost") || host.contains(":")
                || host.chars().allMatch(c -> c == '.' || (c >= '0' && c <= '9'));
    }

    private boolean mayBeReached(String key, List<ConfigProblem> problems) {
        try {
            check();
            return true;
        } catch (D3sException e) {
            problems.add(new ConfigProblem(key, e.text()));
            return false;
        }
    }

    /**
     * To be called before each request, since what a name stands for can change.
     *
     * @throws D3sException when the name is unknown, or stands for an address of the operator's network that is not allowed
     */
    void check() {
        if (services.mayReachInternal(host, port)) {
            return;
        }
        boolean internal;
        try {
            internal = InternalAddresses.isInternal(host);
        } catch (UnknownHostException e) {
            throw new D3sException(ErrorCategory.EXTERNAL, "host_not_found", "There is no host '" + host + "'.", e);
        }
        if (internal) {
            throw new D3sException(ErrorCategory.USER, "address_not_allowed", "'" + host + "' port " + port
                    + " is an address inside this server's network; whoever runs the server can allow it by adding "
                    + shown() + " to d3s.graders.allow.");
        }
    }

    private String shown() {
        return host + ":" + port;
    }

    /**
     * A secret from the server's environment. It goes out over https, or to an address that the operator allowed; and where
     * the variable has a sibling {@code ..._HOST}, to that host only.
     *
     * @param key the configuration key that names the variable
     * @return null when none is named, or there is a problem
     */
    @Nullable
    String secret(String key, String variable, UnaryOperator<@Nullable String> environment,
            List<ConfigProblem> problems) {
        if (variable.isEmpty()) {
            return null;
        }
        if (!VARIABLE.matcher(variable).matches()) {
            problems.add(new ConfigProblem(key, "'" + key
                    + "' must name an environment variable of the server that begins with D3S_GRADER_; the secret itself is never part of a job."));
            return null;
        }
        String secret = environment.apply(variable);
        String only = environment.apply(variable + "_HOST");
        if (secret == null || secret.isBlank()) {
            problems.add(new ConfigProblem(key,
                    "The server has no environment variable " + variable + ", which '" + key + "' names."));
        } else if (only != null && !only.equalsIgnoreCase(host)) {
            problems
                .add(new ConfigProblem(key, "The secret in " + variable + " is for another host than '" + host + "'."));
        } else if (!"https".equalsIgnoreCase(uri.getScheme()) && !services.mayReachInternal(host, port)) {
            problems.add(new ConfigProblem(key,
                    "A secret is sent over https only, or to an address in d3s.graders.allow: change the URL."));
        } else {
            return secret.strip();
        }
        return null;
    }
}
