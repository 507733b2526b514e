package dev.d3s.server.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;

/**
 * A preset to compare, with changes: {@code PRESET[:CHANGE]...}. A change is one of
 *
 * <ul>
 * <li>{@code rollouts=0.25-0.5} or {@code tokens=0.2-0.5}: keep ratio of a level at the first and at the last step, linear in between;
 * <li>{@code rollouts=0.25}: the same keep ratio throughout;
 * <li>{@code tokens.norm=all}: any member below {@code rollouts}, {@code tokens}, {@code advantage}, {@code objective} or
 * {@code optimizer} of a job's {@code d3s}, by its path.
 * </ul>
 *
 * @param name as it was written; it names the variant everywhere
 * @param preset what it begins with
 * @param changes values by path
 */
record Variant(String name, String preset, Map<String, JsonNode> changes) {
    /** What everything is compared with. */
    static final Variant BASELINE = of("grpo");

    private static final List<String> LEVELS = List.of("rollouts", "tokens");
    private static final Set<String> CHANGED = Set.of("rollouts", "tokens", "advantage", "objective", "optimizer");
    private static final Pattern KEEP = Pattern.compile("([0-9.]+)(?:-([0-9.]+))?");
    private static final Pattern PATH = Pattern.compile("[a-z_]+(\\.[a-zA-Z0-9_-]+)+");

    Variant {
        changes = new LinkedHashMap<>(changes);
    }

    /** A preset as it is. */
    static Variant of(String preset) {
        return new Variant(preset, preset, Map.of());
    }

    /**
     * Reads a list of them, separated by commas.
     *
     * @throws IllegalArgumentException with one sentence about the first that makes no sense
     */
    static List<Variant> parseList(String text) {
        List<Variant> variants = new ArrayList<>();
        for (String each : text.split(",", -1)) {
            Variant variant = parse(each.strip());
            if (variants.stream().anyMatch(other -> other.name.equals(variant.name))) {
                throw new IllegalArgumentException("--presets lists '" + variant.name + "' twice.");
            }
            variants.add(variant);
        }
        return variants;
    }

    private static Variant parse(String text) {
        String[] parts = text.split(":", -1);
        if (parts[0].isEmpty()) {
            throw new IllegalArgumentException(
                    "--presets needs names of presets, separated by commas, such as grpo,d3s.");
        }
        Map<String, JsonNode> changes = new LinkedHashMap<>();
        for (String part : List.of(parts).subList(1, parts.length)) {
            int equals = part.indexOf('=');
            String path = equals < 0 ? part : part.substring(0, equals);
            String value = equals < 0 ? "" : part.substring(equals + 1);
            boolean level = LEVELS.contains(path);
            boolean member = PATH.matcher(path).matches() && CHANGED.contains(path.substring(0, path.indexOf('.')));
            if (value.isEmpty() || (!level && !member)) {
                throw new IllegalArgumentException("In '" + text + "', '" + part + "' is no change of a preset: write"
                        + " rollouts=0.25-0.5, tokens=0.2 or a member of a job's d3s with its value, such as"
                        + " tokens.norm=all.");
            }
            if (level) {
                keep(text, path, value, changes);
            } else {
                // a plugin's name may stand for {"name": ...}, so that its configuration can be changed too
                changes.put(path.matches("\\w+\\.(selector|schedule)") ? path + ".name" : path, scalar(value));
            }
        }
        return new Variant(text, parts[0], changes);
    }

    private static void keep(String text, String level, String value, Map<String, JsonNode> changes) {
        Matcher keep = KEEP.matcher(value);
        Double from = keep.matches() ? ratio(keep.group(1)) : null;
        Double to = from == null || keep.group(2) == null ? from : ratio(keep.group(2));
        if (from == null || to == null) {
            throw new IllegalArgumentException("In '" + text + "', " + level + "=" + value
                    + " must be a keep ratio above 0 and up to 1, or two of them as in 0.25-0.5.");
        }
        changes.put(level + ".keep.from", new DoubleNode(from));
        changes.put(level + ".keep.to", new DoubleNode(to));
        changes.put(level + ".schedule.name", new TextNode(from.equals(to) ? "constant" : "linear"));
    }

    private static @Nullable Double ratio(String text) {
        try {
            double ratio = Double.parseDouble(text);
            return ratio > 0 && ratio <= 1 ? ratio : null;
        } catch (NumberFormatException noNumber) {
            return null;
        }
    }

    private static JsonNode scalar(String text) {
        if (text.equals("true") || text.equals("false")) {
            return ApiClient.JSON.getNodeFactory().booleanNode(text.equals("true"));
        }
        try {
            double number = Double.parseDouble(text);
            return number == Math.rint(number) && Math.abs(number) < 1L << 53
                    ? ApiClient.JSON.getNodeFactory().numberNode((long) number)
                    : new DoubleNode(number);
        } catch (NumberFormatException aName) {
            return new TextNode(text);
        }
    }

    /**
     * Holds it to what the server knows.
     *
     * @param presets what {@code GET /v1/presets} lists
     * @throws IllegalArgumentException when there is no such preset, or a change has no effect on it
     */
    void check(Iterable<JsonNode> presets) {
        JsonNode found = null;
        List<String> known = new ArrayList<>();
        for (JsonNode each : presets) {
            known.add(each.path("name").asText());
            found = each.path("name").asText().equals(preset) ? each : found;
        }
        if (found == null) {
            throw new IllegalArgumentException("There is no preset '" + preset + "'; known presets: "
                    + known.stream().collect(Collectors.joining(", ")) + ".");
        }
        for (String level : LEVELS) {
            boolean everything = found.path(level).path("selector").path("name").asText().equals("all");
            boolean selector = changes.keySet().stream().anyMatch(path -> path.startsWith(level + ".selector"));
            if (everything && !selector && changes.containsKey(level + ".keep.from")) {
                throw new IllegalArgumentException("In '" + name + "', " + level + "=... has no effect: the preset "
                        + preset + " keeps all " + level + ".");
            }
        }
    }

    /** Makes the changes to the member {@code d3s} of a job that names the preset. */
    void apply(ObjectNode d3s) {
        changes.forEach((path, value) -> {
            String[] members = path.split("\\.");
            ObjectNode parent = d3s;
            for (String member : List.of(members).subList(0, members.length - 1)) {
                parent = parent.get(member) instanceof ObjectNode object ? object : parent.putObject(member);
            }
            parent.set(members[members.length - 1], value);
        });
    }
}
