package dev.d3s.server.wiring;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * Headers for a collector of traces, as OpenTelemetry's variables have them: values are percent-encoded
 * ({@code authorization=Bearer%20abc}), where Quarkus takes what it is given.
 */
final class TraceHeaders {
    private TraceHeaders() {}

    /** @param variable {@code name=value,name=value}; what is no encoding stays as it is */
    static String decoded(String variable) {
        return Arrays.stream(variable.split(","))
            .filter(header -> !header.isBlank())
            // a comma of a value would end it
            .map(header -> decodedHeader(header.strip()).replace("\\", "\\\\").replace(",", "\\,"))
            .collect(Collectors.joining(","));
    }

    private static String decodedHeader(String header) {
        try {
            // a plus is one, other than in forms
            return URLDecoder.decode(header.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return header;
        }
    }
}
