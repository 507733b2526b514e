package dev.d3s.server.access;

import java.util.regex.Pattern;

/** What names of organizations may be: they are parts of model ids and names of directories. */
public final class Organizations {
    /** For messages. */
    public static final String RULE = "have 1 to 64 letters, digits, - and _";

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]{1,64}");

    private Organizations() {}

    public static boolean allowed(String name) {
        return NAME.matcher(name).matches();
    }
}
