package dev.d3s.natives.substitutions;

import com.oracle.svm.core.annotate.Alias;
import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;

import dev.d3s.natives.MappedSegments;

/**
 * Quarkus looks for settings that do not exist: it compares each segment of each of some two thousand names with each that
 * could be there, which was a fourteenth of what the start of an executable took. Almost all differ in their first characters.
 */
@TargetClass(className = "io.quarkus.runtime.configuration.PropertiesUtil")
final class SegmentsByStart {
    private SegmentsByStart() {}

    @Substitute
    @SuppressWarnings("UnusedMethod") // the builder puts it in the place of the other
    public static boolean isMapped(QuarkusName name, String mapped) {
        int start = name.getPosition() + 1; // the position is that of the dot before, -1 at the beginning
        if (MappedSegments.differ(name.getName(), start, mapped)) {
            return false;
        }
        int end = name.getNextEnd();
        int length = end == 0 ? name.getName().length() : end - start;
        return PropertyNameAlias.equals(name.getName(), start, length, mapped, 0, mapped.length());
    }

    /** A name and how far somebody is in it. */
    @TargetClass(className = "io.quarkus.runtime.configuration.NameIterator")
    static final class QuarkusName {
        @Alias
        native String getName();

        @Alias
        native int getPosition();

        @Alias
        native int getNextEnd();
    }
}
