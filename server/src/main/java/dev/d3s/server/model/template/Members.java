package dev.d3s.server.model.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.template.Arguments.Bound;
import dev.d3s.server.model.template.Values.Tuple;
import dev.d3s.server.model.template.Values.Undefined;

/** What stands behind a dot or in square brackets: elements, and the methods of texts, lists and maps that change nothing. */
final class Members {
    private static final Set<String> TEXT_METHODS = Set.of("strip", "lstrip", "rstrip", "split", "rsplit", "splitlines",
            "startswith", "endswith", "replace", "upper", "lower", "title", "capitalize", "swapcase", "casefold",
            "find",
            "rfind", "index", "rindex", "count", "join", "isdigit", "isalpha", "isalnum", "isspace", "isupper",
            "islower",
            "isnumeric", "isdecimal", "zfill", "ljust", "rjust", "center", "removeprefix", "removesuffix", "partition",
            "rpartition", "format");
    private static final Set<String> LIST_METHODS = Set.of("index", "count", "copy");
    private static final Set<String> MAP_METHODS = Set.of("get", "items", "keys", "values", "copy");
    private static final Set<String> CHANGING = Set.of("append", "clear", "pop", "popitem", "update", "setdefault",
            "extend", "insert", "remove", "reverse", "sort");

    private Members() {}

    /** {@code object.name}: a method before an element of the same name, as in Python. */
    static @Nullable Object attribute(@Nullable Object object, String name) {
        Object method = method(object, name);
        if (method != null) {
            return method;
        }
        return switch (object) {
            case Undefined undefined -> throw undefined.failure();
            case Map<?, ?> map when map.containsKey(name) -> map.get(name);
            case Values.Attributes attributes -> attributes.attribute(name);
            case null, default -> missing(object, name);
        };
    }

    /** {@code object[key]}: an element before a method of the same name. */
    static @Nullable Object item(@Nullable Object object, @Nullable Object key) {
        switch (object) {
            case Undefined undefined -> throw undefined.failure();
            case Map<?, ?> map -> {
                if (map.containsKey(Values.key(key))) {
                    return map.get(key);
                }
            }
            case List<?> list when key instanceof Long index -> {
                long at = index < 0 ? index + list.size() : index;
                return at >= 0 && at < list.size() ? list.get((int) at) : missing(object, key);
            }
            case String text when key instanceof Long index -> {
                int length = Text.length(text);
                long at = index < 0 ? index + length : index;
                return at >= 0 && at < length ? Text.part(text, (int) at, (int) at + 1) : missing(object, key);
            }
            case null, default -> {
                // only names are left
            }
        }
        if (!(key instanceof String name)) {
            return missing(object, key);
        }
        Object method = method(object, name);
        return method != null
                ? method
                : object instanceof Values.Attributes attributes ? attributes.attribute(name) : missing(object, key);
    }

    static @Nullable Object slice(@Nullable Object object, @Nullable Object start, @Nullable Object stop,
            @Nullable Object step) {
        if (object instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (!(object instanceof String) && !(object instanceof List)) {
            throw TemplateException.failed(Values.type(object) + " has no slices");
        }
        int by = step == null ? 1 : Values.integer(step);
        if (by == 0) {
            throw TemplateException.failed("the step of a slice is 0");
        }
        int length = (int) Values.length(object);
        int from = bound(start, by > 0 ? 0 : length - 1, length, by);
        int to = bound(stop, by > 0 ? length : -1, length, by);
        if (object instanceof String text && by == 1) {
            return Text.part(text, from, Math.max(from, to));
        }
        List<@Nullable Object> all = Values.elements(object);
        List<@Nullable Object> part = new ArrayList<>();
        for (long at = from; by > 0 ? at < to : at > to; at += by) {
            part.add(all.get((int) at));
        }
        if (object instanceof String) {
            StringBuilder text = new StringBuilder();
            part.forEach(text::append);
            return text.toString();
        }
        return object instanceof Tuple ? new Tuple(part) : part;
    }

    private static int bound(@Nullable Object value, int otherwise, int length, int step) {
        if (value == null) {
            return otherwise;
        }
        long at = Values.integer(value);
        at = at < 0 ? at + length : at;
        return Math.clamp(at, step > 0 ? 0 : -1, step > 0 ? length : length - 1);
    }

    private static Undefined missing(@Nullable Object object, @Nullable Object key) {
        return new Undefined(key instanceof Long
                ? "element " + key + " of " + Values.type(object)
                : "the member '" + Values.text(key) + "' of " + Values.type(object));
    }

    private static Values.@Nullable Function method(@Nullable Object object, String name) {
        return switch (object) {
            case String text when TEXT_METHODS.contains(name) -> arguments -> ofText(text, name, arguments);
            case List<?> list when LIST_METHODS.contains(name) -> arguments -> ofList(list, name, arguments);
            case Map<?, ?> map when MAP_METHODS.contains(name) -> arguments -> ofMap(map, name, arguments);
            case Map<?, ?> map when CHANGING.contains(name) && !map.containsKey(name) -> changing(name);
            case List<?> list when CHANGING.contains(name) -> changing(name);
            case null, default -> null;
        };
    }

    private static Values.Function changing(String name) {
        return arguments -> {
            throw TemplateException.failed("'" + name + "' would change a value, which templates may not");
        };
    }

    private static @Nullable Object ofMap(Map<?, ?> map, String name, Arguments arguments) {
        return switch (name) {
            case "get" -> {
                Bound bound = arguments.bind("key", "default");
                Object key = Values.key(bound.value(0));
                yield map.containsKey(key) ? map.get(key) : bound.value(1, null);
            }
            case "items" -> {
                arguments.bind();
                yield items(map);
            }
            case "keys" -> {
                arguments.bind();
                yield new ArrayList<>(map.keySet());
            }
            case "values" -> {
                arguments.bind();
                yield new ArrayList<>(map.values());
            }
            default -> map;
        };
    }

    static List<@Nullable Object> items(Map<?, ?> map) {
        List<@Nullable Object> items = new ArrayList<>(map.size());
        map.forEach((key, value) -> items.add(Tuple.of(key, value)));
        return items;
    }

    private static @Nullable Object ofList(List<?> list, String name, Arguments arguments) {
        if (name.equals("copy")) {
            return list;
        }
        Object wanted = arguments.bind("value").value(0);
        long count = 0;
        for (int index = 0; index < list.size(); index++) {
            if (Values.equal(list.get(index), wanted)) {
                if (name.equals("index")) {
                    return (long) index;
                }
                count++;
            }
        }
        if (name.equals("index")) {
            throw TemplateException.failed(Values.written(wanted, 0) + " is not in the list");
        }
        return count;
    }

    private static @Nullable Object ofText(String text, String name, Arguments arguments) {
        return switch (name) {
            case "strip" -> Text.strip(text, characters(arguments), true, true);
            case "lstrip" -> Text.strip(text, characters(arguments), true, false);
            case "rstrip" -> Text.strip(text, characters(arguments), false, true);
            case "split", "rsplit" -> {
                Bound bound = arguments.bind("sep", "maxsplit");
                String separator = bound.value(0, null) == null ? null : bound.text(0);
                int limit = bound.integer(1, -1);
                yield name.equals("split")
                        ? Text.split(text, separator, limit)
                        : Text.splitFromEnd(text, separator, limit);
            }
            case "splitlines" -> Text.lines(text, arguments.bind("keepends").flag(0, false));
            case "startswith", "endswith" -> edge(text, name.equals("startswith"), arguments);
            case "replace" -> {
                Bound bound = arguments.bind("old", "new", "count");
                yield Text.replace(text, bound.text(0), bound.text(1), bound.integer(2, -1));
            }
            case "upper" -> none(arguments, text).toUpperCase(Locale.ROOT);
            case "lower", "casefold" -> none(arguments, text).toLowerCase(Locale.ROOT);
            case "title" -> Text.titled(none(arguments, text), false);
            case "capitalize" -> Text.capitalized(none(arguments, text));
            case "swapcase" -> {
                StringBuilder swapped = new StringBuilder();
                none(arguments, text).codePoints()
                    .forEach(character -> swapped.appendCodePoint(Character.isUpperCase(character)
                            ? Character.toLowerCase(character)
                            : Character.toUpperCase(character)));
                yield swapped.toString();
            }
            case "find", "rfind", "index", "rindex" -> {
                Bound bound = arguments.bind("sub");
                int at = name.startsWith("r") ? text.lastIndexOf(bound.text(0)) : text.indexOf(bound.text(0));
                if (at < 0 && name.endsWith("index")) {
                    throw TemplateException.failed(Values.written(bound.text(0), 0) + " is not in the text");
                }
                yield (long) (at < 0 ? at : text.codePointCount(0, at));
            }
            case "count" -> {
                String part = arguments.bind("sub").text(0);
                long count = 0;
                for (int at = text.indexOf(part); at >= 0
                        && !part.isEmpty(); at = text.indexOf(part, at + part.length())) {
                    count++;
                }
                yield part.isEmpty() ? Text.length(text) + 1L : (Object) count;
            }
            case "join" -> {
                StringBuilder joined = new StringBuilder();
                String between = "";
                for (Object element : Values.elements(arguments.bind("iterable").value(0))) {
                    if (!(element instanceof String part)) {
                        throw TemplateException.failed("only texts can be joined, not " + Values.type(element));
                    }
                    joined.append(between).append(part);
                    Text.checked(joined.length());
                    between = text;
                }
                yield joined.toString();
            }
            case "isdigit", "isdecimal", "isnumeric" -> all(none(arguments, text), Character::isDigit);
            case "isalpha" -> all(none(arguments, text), Character::isLetter);
            case "isalnum" -> all(none(arguments, text), Character::isLetterOrDigit);
            case "isspace" -> all(none(arguments, text), Text::space);
            case "isupper" -> !text.equals(text.toLowerCase(Locale.ROOT)) && text.equals(text.toUpperCase(Locale.ROOT));
            case "islower" -> !text.equals(text.toUpperCase(Locale.ROOT)) && text.equals(text.toLowerCase(Locale.ROOT));
            case "zfill" -> {
                int width = arguments.bind("width").integer(0, 0);
                boolean signed = text.startsWith("-") || text.startsWith("+");
                yield signed
                        ? text.charAt(0) + Text.padded(text.substring(1), Math.max(0, width - 1), "0", true, false)
                        : Text.padded(text, width, "0", true, false);
            }
            case "ljust", "rjust", "center" -> {
                Bound bound = arguments.bind("width", "fillchar");
                yield Text.padded(text, Values.integer(bound.value(0)), bound.text(1, " "), !name.equals("ljust"),
                        !name.equals("rjust"));
            }
            case "removeprefix" -> {
                String prefix = arguments.bind("prefix").text(0);
                yield text.startsWith(prefix) ? text.substring(prefix.length()) : text;
            }
            case "removesuffix" -> {
                String suffix = arguments.bind("suffix").text(0);
                yield text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
            }
            case "partition", "rpartition" -> partition(text, arguments.bind("sep").text(0), name.startsWith("r"));
            case "format" -> PythonFormat.braces(text, arguments);
            default -> throw new AssertionError(name);
        };
    }

    private static @Nullable String characters(Arguments arguments) {
        Bound bound = arguments.bind("chars");
        return bound.value(0, null) == null ? null : bound.text(0);
    }

    private static String none(Arguments arguments, String text) {
        arguments.bind();
        return text;
    }

    private static boolean edge(String text, boolean start, Arguments arguments) {
        Bound bound = arguments.bind("prefix");
        List<@Nullable Object> candidates = new ArrayList<>();
        if (bound.value(0) instanceof Tuple tuple) {
            candidates.addAll(tuple);
        } else {
            candidates.add(bound.text(0));
        }
        return candidates.stream()
            .anyMatch(one -> one instanceof String part && (start ? text.startsWith(part) : text.endsWith(part)));
    }

    private static boolean all(String text, IntPredicate kind) {
        return !text.isEmpty() && text.codePoints().allMatch(kind);
    }

    private static Tuple partition(String text, String separator, boolean last) {
        int at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
        List<@Nullable Object> parts = new ArrayList<>();
        parts.add(at < 0 ? last ? "" : text : text.substring(0, at));
        parts.add(at < 0 ? "" : separator);
        parts.add(at < 0 ? last ? text : "" : text.substring(at + separator.length()));
        return new Tuple(parts);
    }
}
