package dev.d3s.natives.check;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The arguments of the builder of native executables that matter here. Those of {@code quarkus.native.additional-build-args},
 * and where Quarkus wrote all of them ({@code native-image.args}), those.
 */
record BuildArguments(List<String> arguments) {
    private static final String EXCLUDE = "--exclude-config";
    private static final String RUN_TIME = "--initialize-at-run-time=";

    BuildArguments {
        arguments = List.copyOf(arguments);
    }

    /** @param list with commas between; a comma that belongs to an argument has a backslash before it */
    static BuildArguments ofProperty(String list) {
        List<String> arguments = new ArrayList<>();
        for (String argument : list.split("(?<!\\\\),", -1)) {
            arguments.add(argument.strip().replace("\\,", ","));
        }
        return new BuildArguments(arguments);
    }

    /** Whether a file of a jar is left out. */
    boolean excludes(String jar, String resource) {
        for (int i = 0; i + 2 < arguments.size(); i++) {
            if (arguments.get(i).equals(EXCLUDE) && Pattern.compile(arguments.get(i + 1)).matcher(jar).find()
                    && Pattern.compile(arguments.get(i + 2)).matcher("/" + resource).find()) {
                return true;
            }
        }
        return false;
    }

    boolean has(String argument) {
        return arguments.contains(argument);
    }

    /**
     * Whether a class starts with the executable and not with its build.
     *
     * @param name as in source code
     * @param more further arguments, those of {@code native-image.properties}
     */
    boolean startsAtRunTime(String name, String more) {
        List<String> all = new ArrayList<>(arguments);
        all.addAll(List.of(more.split("\\s+")));
        for (String argument : all) {
            int start = argument.indexOf(RUN_TIME);
            if (start >= 0) {
                for (String part : argument.substring(start + RUN_TIME.length()).split(",")) {
                    String given = part.strip();
                    if (!given.isEmpty() && (name.equals(given) || name.startsWith(given + ".")
                            || name.startsWith(given + "$"))) {
                        return true;
                    }
                }
            }
        }
        return false;
    }
}
