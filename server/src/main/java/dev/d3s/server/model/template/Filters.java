package dev.d3s.server.model.template;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.template.Arguments.Bound;
import dev.d3s.server.model.template.Values.Generated;
import dev.d3s.server.model.template.Values.Tuple;
import dev.d3s.server.model.template.Values.Undefined;

/** What can stand behind {@code |}. */
final class Filters {
    static final Set<String> NAMES = Set.of("abs", "attr", "batch", "capitalize", "center", "count", "d", "default",
            "dictsort", "e", "escape", "first", "float", "format", "groupby", "indent", "int", "items", "join", "last",
            "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round",
            "safe",
            "select", "selectattr", "slice", "sort", "string", "sum", "title", "tojson", "trim", "truncate", "unique",
            "upper", "wordcount");

    private Filters() {}

    static @Nullable Object apply(String name, @Nullable Object value, Arguments arguments) {
        return switch (name) {
            case "abs" -> Values.compare(value, 0L) < 0 ? Values.negative(value, true) : value;
            case "attr" -> attribute(value, arguments.bind("name").text(0));
            case "batch" -> batch(value, arguments.bind("linecount", "fill_with"));
            case "capitalize" -> Text.capitalized(Values.text(value));
            case "center" -> Text.padded(Values.text(value), arguments.bind("width").integer(0, 80), " ", true, true);
            case "count", "length" -> Values.length(value);
            case "d", "default" -> {
                Bound bound = arguments.bind("default_value", "boolean");
                yield value instanceof Undefined || (bound.flag(1, false) && !Values.truth(value))
                        ? bound.value(0, "")
                        : value;
            }
            case "dictsort" -> dictionarySort(value, arguments.bind("case_sensitive", "by", "reverse"));
            case "e", "escape" -> new Values.Safe(Values.escaped(Values.text(value)));
            case "first" -> edge(value, true);
            case "last" -> edge(value, false);
            case "float" -> real(value, arguments.bind("default").value(0, 0.0));
            case "int" -> whole(value, arguments.bind("default", "base"));
            case "format" -> PythonFormat.percent(Values.text(value), arguments.named().isEmpty()
                    ? new Tuple(arguments.positional())
                    : arguments.named());
            case "groupby" -> groups(value, arguments.bind("attribute", "default", "case_sensitive"));
            case "indent" -> indent(Values.text(value), arguments.bind("width", "first", "blank"));
            case "items" -> {
                if (!(value instanceof Map) && !(value instanceof Undefined)) {
                    throw TemplateException.failed("items needs a mapping, not " + Values.type(value));
                }
                yield new Generated(value instanceof Map<?, ?> map ? Members.items(map) : List.of());
            }
            case "join" -> join(value, arguments.bind("d", "attribute"));
            case "list" -> Values.elements(value);
            case "lower" -> Values.text(value).toLowerCase(Locale.ROOT);
            case "upper" -> Values.text(value).toUpperCase(Locale.ROOT);
            case "map" -> new Generated(map(value, arguments));
            case "max", "min" -> extreme(value, name.equals("max"), arguments.bind("case_sensitive", "attribute"));
            case "select", "reject" -> new Generated(selected(value, name.equals("select"), false, arguments));
            case "selectattr", "rejectattr" -> new Generated(
                    selected(value, name.equals("selectattr"), true, arguments));
            case "replace" -> {
                Bound bound = arguments.bind("old", "new", "count");
                yield Text.replace(Values.text(value), Values.text(bound.value(0)), Values.text(bound.value(1)),
                        bound.value(2, null) == null ? -1 : bound.integer(2, -1));
            }
            case "reverse" -> value instanceof String text
                    ? new StringBuilder(text).reverse().toString()
                    : new Generated(Values.elements(value).reversed());
            case "round" -> round(value, arguments.bind("precision", "method"));
            case "safe" -> new Values.Safe(Values.text(value));
            case "string" -> Values.text(value);
            case "slice" -> slices(value, arguments.bind("slices", "fill_with"));
            case "sort" -> {
                Bound bound = arguments.bind("reverse", "case_sensitive", "attribute");
                yield sorted(Values.elements(value), bound.flag(0, false), bound.flag(1, false), bound.value(2, null));
            }
            case "sum" -> {
                Bound bound = arguments.bind("attribute", "start");
                Object sum = bound.value(1, 0L);
                for (Object element : Values.elements(value)) {
                    sum = Values.arithmetic("+", sum, looked(element, bound.value(0, null)));
                }
                yield sum;
            }
            case "title" -> Text.titled(Values.text(value), true);
            case "tojson" -> {
                Bound bound = arguments.bind("ensure_ascii", "indent", "separators", "sort_keys");
                yield PythonJson.of(value, bound.flag(0, false), bound.value(1, null), bound.value(2, null),
                        bound.flag(3, false));
            }
            case "trim" -> {
                Bound bound = arguments.bind("chars");
                yield Text.strip(Values.text(value), bound.value(0, null) == null ? null : bound.text(0), true, true);
            }
            case "truncate" -> truncate(Values.text(value), arguments.bind("length", "killwords", "end", "leeway"));
            case "unique" -> new Generated(unique(value, arguments.bind("case_sensitive", "attribute")));
            case "wordcount" -> (long) Text.split(Values.text(value), null, -1).size();
            default -> throw TemplateException.failed("there is no filter '" + name + "'");
        };
    }

    private static @Nullable Object attribute(@Nullable Object value, String name) {
        return value instanceof Map
                ? new Undefined("the attribute '" + name + "' of a mapping")
                : Members.attribute(value, name);
    }

    /** {@code a.b.0} of a value; the value itself without a path. */
    private static @Nullable Object looked(@Nullable Object value, @Nullable Object path) {
        if (path == null) {
            return value;
        }
        if (!(path instanceof String names)) {
            return Members.item(value, path);
        }
        Object found = value;
        for (String name : names.split("\\.", -1)) {
            found = Members.item(found,
                    !name.isEmpty() && name.length() < 10 && name.chars().allMatch(Character::isDigit)
                            ? (Object) Long.valueOf(name)
                            : name);
        }
        return found;
    }

    private static @Nullable Object folded(@Nullable Object value, boolean caseSensitive) {
        return !caseSensitive && value instanceof String text ? text.toLowerCase(Locale.ROOT) : value;
    }

    private static List<@Nullable Object> sorted(List<@Nullable Object> elements, boolean reverse,
            boolean caseSensitive, @Nullable Object attribute) {
        List<@Nullable Object> paths = attribute instanceof String text && text.contains(",")
                ? Text.split(text, ",", -1)
                : java.util.Collections.singletonList(attribute);
        Comparator<@Nullable Object> order = (left, right) -> {
            for (Object path : paths) {
                int compared = Values.compare(folded(looked(left, path), caseSensitive),
                        folded(looked(right, path), caseSensitive));
                if (compared != 0) {
                    return compared;
                }
            }
            return 0;
        };
        // equal elements keep their order in both directions
        elements.sort(reverse ? order.reversed() : order);
        return elements;
    }

    private static List<@Nullable Object> dictionarySort(@Nullable Object value, Bound bound) {
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (!(value instanceof Map<?, ?> map)) {
            throw TemplateException.failed("dictsort needs a mapping, not " + Values.type(value));
        }
        return sorted(Members.items(map), bound.flag(2, false), bound.flag(0, false),
                bound.text(1, "key").equals("value") ? 1L : 0L);
    }

    private static @Nullable Object edge(@Nullable Object value, boolean first) {
        List<@Nullable Object> elements = Values.elements(value);
        if (elements.isEmpty()) {
            return new Undefined("the " + (first ? "first" : "last") + " element of an empty sequence");
        }
        return first ? elements.getFirst() : elements.getLast();
    }

    private static @Nullable Object real(@Nullable Object value, @Nullable Object otherwise) {
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (value instanceof String text) {
            try {
                return Double.valueOf(Text.strip(text, null, true, true).replace("_", ""));
            } catch (NumberFormatException noNumber) {
                return otherwise;
            }
        }
        return Values.number(value) ? (Object) Values.real(value) : otherwise;
    }

    private static @Nullable Object whole(@Nullable Object value, Bound bound) {
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
        Object otherwise = bound.value(0, 0L);
        if (value instanceof String text) {
            String digits = Text.strip(text, null, true, true).replace("_", "");
            int base = bound.integer(1, 10);
            try {
                String prefix = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
                boolean prefixed = !prefix.isEmpty() && digits.toLowerCase(Locale.ROOT).startsWith(prefix);
                return Values.integer(new java.math.BigInteger(prefixed ? digits.substring(2) : digits, base));
            } catch (NumberFormatException noInteger) {
                Object number = real(text, null);
                return number instanceof Double real && Double.isFinite(real)
                        ? (Object) (long) real.doubleValue()
                        : otherwise;
            }
        }
        if (value instanceof Double number) {
            return Double.isFinite(number)
                    ? Values.integer(new java.math.BigDecimal(number).toBigInteger())
                    : otherwise;
        }
        return Values.number(value) ? Values.negative(value, false) : otherwise;
    }

    private static Object round(@Nullable Object value, Bound bound) {
        int digits = bound.integer(0, 0);
        double number = Values.real(value);
        double scale = Math.pow(10, digits);
        return switch (bound.text(1, "common")) {
            case "ceil" -> Math.ceil(number * scale) / scale;
            case "floor" -> Math.floor(number * scale) / scale;
            case "common" ->
                value instanceof Double ? (Object) Values.rounded(number, digits) : value == null ? 0L : value;
            default -> throw TemplateException.failed("round's method must be common, ceil or floor");
        };
    }

    private static String indent(String text, Bound bound) {
        Object width = bound.value(0, 4L);
        String indention = width instanceof String given
                ? given
                : " ".repeat(Math.clamp(Values.integer(width), 0, 1000));
        StringBuilder out = new StringBuilder(bound.flag(1, false) ? indention : "");
        boolean blank = bound.flag(2, false);
        List<@Nullable Object> lines = Text.lines(text + "\n", false);
        for (int index = 0; index < lines.size(); index++) {
            String line = Values.text(lines.get(index));
            if (index > 0) {
                out.append('\n').append(blank || !line.isEmpty() ? indention : "");
            }
            out.append(line);
            Text.checked(out.length());
        }
        return out.toString();
    }

    private static String join(@Nullable Object value, Bound bound) {
        String between = Values.text(bound.value(0, ""));
        StringBuilder joined = new StringBuilder();
        boolean first = true;
        for (Object element : Values.elements(value)) {
            joined.append(first ? "" : between).append(Values.text(looked(element, bound.value(1, null))));
            Text.checked(joined.length());
            first = false;
        }
        return joined.toString();
    }

    private static List<@Nullable Object> map(@Nullable Object value, Arguments arguments) {
        List<@Nullable Object> mapped = new ArrayList<>();
        if (!Values.truth(value)) {
            return mapped;
        }
        if (arguments.positional().isEmpty() && arguments.named().containsKey("attribute")) {
            Bound bound = arguments.bind("attribute", "default");
            for (Object element : Values.elements(value)) {
                Object found = looked(element, bound.value(0));
                mapped.add(found instanceof Undefined && bound.has(1) ? bound.value(1) : found);
            }
            return mapped;
        }
        String name = first(arguments);
        Arguments rest = arguments.rest(name);
        for (Object element : Values.elements(value)) {
            mapped.add(Values.plain(apply(name, element, rest)));
        }
        return mapped;
    }

    private static String first(Arguments arguments) {
        if (arguments.positional().isEmpty() || !(arguments.positional().getFirst() instanceof String name)) {
            throw TemplateException.failed(arguments.function() + " needs a name as its first argument");
        }
        return name;
    }

    private static List<@Nullable Object> selected(@Nullable Object value, boolean wanted, boolean attribute,
            Arguments arguments) {
        Arguments rest = arguments;
        Object path = null;
        if (attribute) {
            if (arguments.positional().isEmpty()) {
                throw TemplateException.failed(arguments.function() + " needs an attribute as its first argument");
            }
            path = arguments.positional().getFirst();
            rest = arguments.rest(arguments.function());
        }
        List<@Nullable Object> kept = new ArrayList<>();
        // nothing to walk over is no mistake here, as in Jinja
        for (Object element : Values.truth(value) ? Values.elements(value) : List.of()) {
            Object tested = looked(element, path);
            boolean passes = rest.positional().isEmpty()
                    ? Values.truth(tested)
                    : Tests.passes(first(rest), tested, rest.rest(first(rest)));
            if (passes == wanted) {
                kept.add(element);
            }
        }
        return kept;
    }

    private static @Nullable Object extreme(@Nullable Object value, boolean largest, Bound bound) {
        List<@Nullable Object> elements = Values.elements(value);
        if (elements.isEmpty()) {
            return new Undefined("the extreme of an empty sequence");
        }
        Object best = elements.getFirst();
        for (Object element : elements) {
            int compared = Values.compare(folded(looked(element, bound.value(1, null)), bound.flag(0, false)),
                    folded(looked(best, bound.value(1, null)), bound.flag(0, false)));
            if (largest ? compared > 0 : compared < 0) {
                best = element;
            }
        }
        return best;
    }

    private static List<@Nullable Object> unique(@Nullable Object value, Bound bound) {
        Map<@Nullable Object, @Nullable Object> seen = new LinkedHashMap<>();
        for (Object element : Values.elements(value)) {
            seen.putIfAbsent(Values.key(folded(looked(element, bound.value(1, null)), bound.flag(0, false))), element);
        }
        return new ArrayList<>(seen.values());
    }

    private static List<@Nullable Object> groups(@Nullable Object value, Bound bound) {
        Object path = bound.value(0);
        List<@Nullable Object> groups = new ArrayList<>();
        Object last = null;
        List<@Nullable Object> members = new ArrayList<>();
        for (Object element : sorted(Values.elements(value), false, bound.flag(2, false), path)) {
            Object found = looked(element, path);
            Object key = found instanceof Undefined && bound.has(1) ? bound.value(1) : found;
            if (members.isEmpty()
                    || !Values.equal(folded(key, bound.flag(2, false)), folded(last, bound.flag(2, false)))) {
                members = new ArrayList<>();
                groups.add(Tuple.of(key, members));
            }
            members.add(element);
            last = key;
        }
        return groups;
    }

    private static List<@Nullable Object> batch(@Nullable Object value, Bound bound) {
        int size = Math.max(1, Values.integer(bound.value(0)));
        List<@Nullable Object> batches = new ArrayList<>();
        List<@Nullable Object> elements = Values.elements(value);
        for (int from = 0; from < elements.size(); from += size) {
            List<@Nullable Object> batch = new ArrayList<>(
                    elements.subList(from, Math.min(elements.size(), from + size)));
            while (batch.size() < size && bound.value(1, null) != null) {
                Values.checkElements(batch.size());
                batch.add(bound.value(1));
            }
            batches.add(batch);
        }
        return batches;
    }

    private static List<@Nullable Object> slices(@Nullable Object value, Bound bound) {
        int count = Math.clamp(Values.integer(bound.value(0)), 1, Values.MAX_ELEMENTS);
        List<@Nullable Object> elements = Values.elements(value);
        List<@Nullable Object> slices = new ArrayList<>();
        int at = 0;
        for (int slice = 0; slice < count; slice++) {
            int size = elements.size() / count + (slice < elements.size() % count ? 1 : 0);
            List<@Nullable Object> part = new ArrayList<>(elements.subList(at, at + size));
            at += size;
            if (bound.value(1, null) != null && slice >= elements.size() % count) {
                part.add(bound.value(1));
            }
            slices.add(part);
        }
        return slices;
    }

    private static String truncate(String text, Bound bound) {
        int length = bound.integer(0, 255);
        String end = bound.text(2, "...");
        int leeway = bound.value(3, null) == null ? 5 : bound.integer(3, 5);
        if (Text.length(text) <= (long) length + leeway) {
            return text;
        }
        String cut = Text.part(text, 0, Math.max(0, length - Text.length(end)));
        int blank = cut.lastIndexOf(' ');
        return (bound.flag(1, false) || blank < 0 ? cut : cut.substring(0, blank)) + end;
    }
}
