package dev.d3s.natives.containers;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One instruction of a Containerfile, its continued lines joined.
 *
 * @param line where it begins, from 1
 * @param name in capital letters
 * @param text what follows
 */
record Instruction(int line, String name, String text) {
    /** Instructions in order, without comments. */
    static List<Instruction> parse(String file) {
        List<Instruction> instructions = new ArrayList<>();
        List<String> lines = file.lines().toList();
        StringBuilder text = new StringBuilder();
        int start = 0;
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.startsWith("#") || line.isEmpty()) {
                continue;
            }
            if (text.isEmpty()) {
                start = i + 1;
            }
            boolean continued = line.endsWith("\\");
            text.append(continued ? line.substring(0, line.length() - 1).strip() : line).append(' ');
            if (!continued) {
                instructions.add(of(start, text.toString().strip()));
                text.setLength(0);
            }
        }
        if (!text.isEmpty()) {
            instructions.add(of(start, text.toString().strip()));
        }
        return instructions;
    }

    private static Instruction of(int line, String text) {
        String[] parts = text.split("\\s+", 2);
        return new Instruction(line, parts[0].toUpperCase(Locale.ROOT), parts.length > 1 ? parts[1] : "");
    }

    /** Words that are no options. */
    List<String> words() {
        return List.of(text.split("\\s+")).stream().filter(word -> !word.startsWith("--")).toList();
    }

    /** The value of an option, or nothing: {@code --from=build}. */
    String option(String option) {
        for (String word : text.split("\\s+")) {
            if (word.startsWith("--" + option + "=")) {
                return word.substring(option.length() + 3);
            }
        }
        return "";
    }
}
