package dev.d3s.helm;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import com.fasterxml.jackson.databind.JsonNode;

/** What helm/README.md says of the chart's values: made from values.yaml, whose comments are the descriptions, and its schema. */
final class ValuesTable {
    private static final Pattern DESCRIPTION = Pattern.compile("^( *)# -- (.*)$");
    private static final Pattern KEY = Pattern.compile("^( *)([A-Za-z0-9]+):.*$");

    private ValuesTable() {}

    private record Level(int indent, String path) {}

    /** Paths of values with their descriptions, in the order of the file. */
    static Map<String, String> descriptions() {
        Map<String, String> descriptions = new LinkedHashMap<>();
        Deque<Level> levels = new ArrayDeque<>();
        String description = "";
        for (String line : lines()) {
            Matcher said = DESCRIPTION.matcher(line);
            Matcher key = KEY.matcher(line);
            if (said.matches()) {
                description = said.group(2);
            } else if (key.matches()) {
                int indent = key.group(1).length();
                while (!levels.isEmpty() && levels.peek().indent() >= indent) {
                    levels.pop();
                }
                String path = levels.isEmpty() ? key.group(2) : levels.peek().path() + "." + key.group(2);
                levels.push(new Level(indent, path));
                if (!description.isEmpty()) {
                    descriptions.put(path, description);
                }
                description = "";
            }
        }
        return descriptions;
    }

    private static Iterable<String> lines() {
        try {
            return Files.readAllLines(HelmChart.DIRECTORY.resolve("values.yaml"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A row for each value that has a description. */
    static String values() {
        JsonNode values = HelmChart.read("values.yaml");
        return "| value | default | meaning |\n|---|---|---|\n" + descriptions().entrySet()
            .stream()
            .map(value -> "| `" + value.getKey() + "` | " + shown(at(values, value.getKey())) + " | "
                    + value.getValue().replace("|", "\\|") + " |\n")
            .collect(Collectors.joining());
    }

    /** What the schema's contradictions are. */
    static String refused() {
        StringBuilder refused = new StringBuilder();
        for (JsonNode rule : HelmChart.read("values.schema.json").path("allOf")) {
            refused.append("- ").append(rule.path("$comment").asText()).append('\n');
        }
        return refused.toString();
    }

    /** Leaves that neither have a description nor are part of something that has. */
    static Set<String> silent() {
        Set<String> silent = new TreeSet<>();
        collect("", HelmChart.read("values.yaml"), descriptions(), silent);
        return silent;
    }

    private static void collect(String path, JsonNode node, Map<String, String> descriptions, Set<String> silent) {
        if (descriptions.containsKey(path)) {
            return;
        }
        if (node.isObject() && !node.isEmpty()) {
            node.properties()
                .forEach(member -> collect(path.isEmpty() ? member.getKey() : path + "." + member.getKey(),
                        member.getValue(), descriptions, silent));
        } else {
            silent.add(path);
        }
    }

    private static JsonNode at(JsonNode values, String path) {
        JsonNode node = values;
        for (String key : path.split("\\.")) {
            node = node.path(key);
        }
        return node;
    }

    private static String shown(JsonNode value) {
        String text = value.isTextual() ? value.asText() : value.toString();
        return text.isEmpty() ? "" : "`" + text + "`";
    }
}
