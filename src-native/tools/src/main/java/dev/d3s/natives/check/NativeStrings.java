package dev.d3s.natives.check;

import java.util.HashSet;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What can be read in a native library: names of classes, and names and descriptors of members, that its code passes to
 * {@code FindClass}, {@code GetMethodID} and {@code GetFieldID}. A name that the code puts together at run time is not seen.
 */
final class NativeStrings {
    private static final Pattern CLASS = Pattern.compile("(?:java|javax|ai|org|com|io|dev|net)/[\\w$/]+");
    private static final String TYPE = "\\[*(?:[ZBCSIJFD]|L[\\w/$]+;)";
    private static final Pattern METHOD = Pattern.compile("\\((?:" + TYPE + ")*\\)(?:V|" + TYPE + ")");
    private static final Pattern FIELD = Pattern.compile("\\[*L[\\w/$]+;|\\[*[ZBCSIJFD]");
    private static final int SHORTEST = 1;

    /** Every run of printable characters, each between two zeros, whatever was around it. */
    private final String text;

    private NativeStrings(String text) {
        this.text = text;
    }

    static NativeStrings of(byte[] library) {
        StringBuilder text = new StringBuilder("\0");
        int start = 0;
        for (int i = 0; i <= library.length; i++) {
            boolean printable = i < library.length && library[i] >= ' ' && library[i] <= '~';
            if (!printable) {
                if (i - start >= SHORTEST) {
                    for (int j = start; j < i; j++) {
                        text.append((char) library[j]);
                    }
                    text.append('\0');
                }
                start = i + 1;
            }
        }
        return new NativeStrings(text.toString());
    }

    /**
     * Classes by name. Where strings touch, as in libraries written in Rust, the longest beginning that is a class counts.
     *
     * @param exists whether there is a class with this internal name
     */
    Set<String> classes(Predicate<String> exists) {
        Set<String> classes = new HashSet<>();
        Set<String> seen = new HashSet<>();
        Matcher matcher = CLASS.matcher(text);
        while (matcher.find()) {
            char before = text.charAt(matcher.start() - 1);
            // in a descriptor, which loads nothing
            if ((before == 'L' || before == '[') && (text.charAt(matcher.end()) == ';') && !alone(matcher)) {
                continue;
            }
            if (seen.add(matcher.group())) {
                String name = matcher.group();
                while (name.indexOf('/') > 0 && !exists.test(name)) {
                    name = name.substring(0, name.length() - 1);
                }
                if (name.indexOf('/') > 0) {
                    classes.add(name);
                }
            }
        }
        return classes;
    }

    /** Whether it is {@code [Ljava/lang/String;} and nothing else, which is how an array's class is looked for. */
    private boolean alone(Matcher matcher) {
        int start = matcher.start() - 1;
        while (start > 0 && text.charAt(start - 1) == '[') {
            start--;
        }
        return text.charAt(start) == '[' && text.charAt(start - 1) == '\0' && text.charAt(matcher.end() + 1) == '\0';
    }

    /** Descriptors of methods, {@code (Ljava/lang/String;)V}. */
    Set<String> methodDescriptors() {
        Set<String> descriptors = new HashSet<>();
        METHOD.matcher(text).results().forEach(found -> descriptors.add(found.group()));
        return descriptors;
    }

    /** Whether a field's descriptor is a string of its own. */
    boolean hasFieldDescriptor(String descriptor) {
        return FIELD.matcher(descriptor).matches() && ends(descriptor);
    }

    /** Whether a string is or ends with a name; linkers keep one that ends another only once. */
    boolean ends(String name) {
        return text.contains(name + "\0");
    }

    boolean contains(String part) {
        return text.contains(part);
    }
}
