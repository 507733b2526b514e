package dev.d3s.helm;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the server's README says of settings and metrics; tests of the server hold that to its code. */
final class ServerReadme {
    private static final Pattern SETTING = Pattern.compile("^\\| `(d3s\\.[a-z.-]+)` \\| `(D3S_[A-Z_]+)` \\|",
            Pattern.MULTILINE);
    private static final Pattern OTHER_VARIABLE = Pattern
        .compile("\\b(D3S_JAVA_OPTIONS|(?:QUARKUS|OTEL|HF|XDG|PYTORCH|ONNXRUNTIME|DJL)_[A-Z0-9_]+)\\b");
    private static final Pattern METRIC = Pattern.compile("`((?:d3s|http_server)_[a-z_]+)`");

    private final String text;

    ServerReadme() {
        try {
            text = Files.readString(Path.of("..", "server", "README.md"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Settings by their keys, with their environment variables. */
    Map<String, String> settings() {
        Map<String, String> settings = new TreeMap<>();
        Matcher matcher = SETTING.matcher(text);
        while (matcher.find()) {
            settings.put(matcher.group(1), matcher.group(2));
        }
        return settings;
    }

    /** Every environment variable that it names. */
    Set<String> variables() {
        Set<String> variables = new TreeSet<>(settings().values());
        Matcher matcher = OTHER_VARIABLE.matcher(text);
        while (matcher.find()) {
            variables.add(matcher.group(1));
        }
        return variables;
    }

    /** Names of metrics as the table has them: histograms and counts without the endings of their parts. */
    Set<String> metrics() {
        int start = text.indexOf("### Watching the server");
        String section = text.substring(start, text.indexOf("\n### ", start));
        Set<String> metrics = new TreeSet<>();
        Matcher matcher = METRIC.matcher(section);
        while (matcher.find()) {
            metrics.add(matcher.group(1));
        }
        return metrics;
    }
}
