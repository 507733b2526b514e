package dev.d3s.natives.check;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What somebody looked at and decided, a line each: {@code kind subject = reason}. A star at the end of a subject stands for
 * anything. An entry that nothing needs any more is a finding itself, so that the list says what is.
 *
 * <p>
 * Kinds: {@code answerable} (jars, by the beginning of their names, whose calls and native libraries are looked at; all others
 * come with an extension of Quarkus or are one), {@code service}, {@code link}, {@code library}, {@code jni}, {@code resource},
 * {@code call}, {@code foreign}, {@code start} and {@code recorded}.
 */
final class Reviewed {
    /**
     * @param kind the first word of the line
     * @param subject what was looked at
     * @param reason why it needs no metadata, or who brings it
     */
    record Entry(String kind, String subject, String reason) {
        boolean covers(String other) {
            return subject.endsWith("*")
                    ? other.startsWith(subject.substring(0, subject.length() - 1))
                    : other.equals(subject);
        }
    }

    private static final Set<String> KINDS = Set.of("answerable", "service", "link", "library", "jni", "resource",
            "call",
            "foreign", "start", "recorded");

    /** How a reason begins that is looked at again where Quarkus' own metadata is there. */
    private static final String BY_QUARKUS = "registered by Quarkus";

    private final List<Entry> entries;
    private final Set<Entry> used = new HashSet<>();
    private boolean complete;

    private Reviewed(List<Entry> entries) {
        this.entries = entries;
    }

    /** From now on what Quarkus registers has to be there: its own metadata is. */
    void complete() {
        complete = true;
    }

    /** @throws IllegalArgumentException naming every line that is not one */
    static Reviewed parse(String text) {
        List<Entry> entries = new ArrayList<>();
        List<String> mistakes = new ArrayList<>();
        List<String> lines = text.lines().toList();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            String[] sides = line.split(" = ", 2);
            String[] left = sides[0].strip().split("\\s+", 2);
            if (sides.length < 2 || sides[1].isBlank() || left.length < 2 || !KINDS.contains(left[0])) {
                mistakes.add("line " + (i + 1) + " is not 'kind subject = reason': " + line);
            } else {
                entries.add(new Entry(left[0], left[1].strip(), sides[1].strip()));
            }
        }
        if (!mistakes.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", mistakes));
        }
        return new Reviewed(List.copyOf(entries));
    }

    /** Whether somebody decided about it. */
    boolean has(String kind, String subject) {
        boolean found = false;
        for (Entry entry : entries) {
            if (entry.kind().equals(kind) && entry.covers(subject)) {
                used.add(entry);
                found |= !(complete && entry.reason().startsWith(BY_QUARKUS));
            }
        }
        return found;
    }

    /** What was never asked for. */
    List<Finding> unused() {
        return entries.stream()
            .filter(entry -> !used.contains(entry) && !(complete && entry.reason().startsWith(BY_QUARKUS)))
            .map(entry -> new Finding(Finding.Kind.LIST, entry.kind() + " " + entry.subject(),
                    "nothing needs this line of the reviewed list any more: delete it"))
            .toList();
    }
}
