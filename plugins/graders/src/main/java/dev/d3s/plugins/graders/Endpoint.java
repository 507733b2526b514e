package dev.d3s.plugins.graders;

import java.net.URI;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.OutgoingRequests;

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
        String problem = new OutgoingRequests(services::mayReachInternal).problem(text);
        if (problem != null) {
            problems.add(new ConfigProblem(key, "'" + key + "' " + problem));
            return null;
        }
        URI uri = URI.create(text);
        return new Endpoint(uri, OutgoingRequests.host(uri), OutgoingRequests.port(uri), services);
    }

    URI uri() {
        return uri;
    }

    /** The same place, further down. */
    URI resolve(String path) {
        String text = uri.toString();
        return URI.create((text.endsWith("/") ? text.substring(0, text.length() - 1) : text) + path);
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
                    "A secret is sent over https only, or to an address in d3s.network.allow: change the URL."));
        } else {
            return secret.strip();
        }
        return null;
    }
}
