package dev.d3s.natives.check;

/**
 * Something that a native executable would miss.
 *
 * @param kind what sort of thing
 * @param subject the thing
 * @param remedy what to do about it
 */
record Finding(Kind kind, String subject, String remedy) implements Comparable<Finding> {
    enum Kind {
        SERVICE, LINK, JNI, RESOURCE, CALL, RECORDED, FOREIGN, INITIALIZATION, ARGUMENT, SUBSTITUTION, LIST
    }

    @Override
    public int compareTo(Finding other) {
        int byKind = kind.compareTo(other.kind);
        return byKind != 0 ? byKind : (subject + remedy).compareTo(other.subject + other.remedy);
    }

    @Override
    public String toString() {
        return kind.name().toLowerCase(java.util.Locale.ROOT) + ": " + subject + ": " + remedy;
    }
}
