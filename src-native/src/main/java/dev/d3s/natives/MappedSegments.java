package dev.d3s.natives;

/**
 * Tells at the first character that is another that a segment of a setting's name is not a certain one. Quarkus looks for the
 * segment's end, and compares from there, for each segment that might come next.
 */
public final class MappedSegments {
    private MappedSegments() {}

    /**
     * Whether a segment is certainly another. False where only SmallRye Config's own comparison can tell.
     *
     * @param start of the segment in the name
     * @param mapped a segment, which may have or be a star
     */
    public static boolean differ(String name, int start, String mapped) {
        for (int i = 0; i < mapped.length(); i++) {
            char wanted = mapped.charAt(i);
            if (wanted == '*' || wanted == '[') {
                return false;
            }
            if (start + i >= name.length()) {
                return true;
            }
            char given = name.charAt(start + i);
            if (given == '*') {
                return false;
            }
            if (given != wanted) {
                return true;
            }
        }
        return false;
    }
}
