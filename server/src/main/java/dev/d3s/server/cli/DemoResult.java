package dev.d3s.server.cli;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * What a demo run showed.
 *
 * @param accuracyInitial held-out accuracy of the random policy, in [0, 1]
 * @param accuracySupervised after imitating the sloppy teacher
 * @param accuracyFinal after the reinforcement job
 * @param generatedTokens completion tokens generated for training
 * @param trainedTokens those of them that had a loss term
 * @param supervisedTokens tokens the supervised job trained on
 * @param seconds of the whole run, wall clock
 * @param secondsByPhase adds up to {@code seconds}: the supervised job, the phases of the reinforcement job, and everything else
 */
record DemoResult(String preset, long seed, int steps, double accuracyInitial, double accuracySupervised,
        double accuracyFinal, long generatedTokens, long trainedTokens, long supervisedTokens, double seconds,
        Map<String, Double> secondsByPhase) {
    DemoResult {
        secondsByPhase = new LinkedHashMap<>(secondsByPhase);
    }

    /** The report file. */
    ObjectNode json() {
        ObjectNode root = ApiClient.JSON.createObjectNode();
        root.put("preset", preset);
        root.put("seed", seed);
        root.put("steps", steps);
        root.put("accuracy_initial", accuracyInitial);
        root.put("accuracy_supervised", accuracySupervised);
        root.put("accuracy_final", accuracyFinal);
        root.put("generated_tokens", generatedTokens);
        root.put("trained_tokens", trainedTokens);
        root.put("supervised_tokens", supervisedTokens);
        root.put("seconds", rounded(seconds));
        ObjectNode phases = root.putObject("seconds_by_phase");
        secondsByPhase.forEach((phase, value) -> phases.put(phase, rounded(value)));
        return root;
    }

    /** For people. */
    String table() {
        StringBuilder text = new StringBuilder();
        String name = preset.toUpperCase(Locale.ROOT);
        text.append("Held-out accuracy (greedy)\n");
        row(text, "random policy", percent(accuracyInitial));
        row(text, "after supervised", percent(accuracySupervised));
        row(text, "after " + name, percent(accuracyFinal));
        text.append(name).append(" tokens\n");
        row(text, "generated", String.format(Locale.ROOT, "%,d", generatedTokens));
        row(text, "trained on", String.format(Locale.ROOT, "%,d", trainedTokens)
                + (generatedTokens == 0 ? "" : "   (" + percent((double) trainedTokens / generatedTokens) + ")"));
        text.append("Seconds\n");
        secondsByPhase.forEach((phase, value) -> row(text, phase, String.format(Locale.ROOT, "%.1f", value)));
        row(text, "together", String.format(Locale.ROOT, "%.1f", seconds));
        return text.toString();
    }

    private static void row(StringBuilder text, String name, String value) {
        text.append(String.format(Locale.ROOT, "  %-22s", name));
        int note = value.indexOf("   ");
        String number = note < 0 ? value : value.substring(0, note);
        text.append(String.format(Locale.ROOT, "%12s", number))
            .append(note < 0 ? "" : value.substring(note))
            .append('\n');
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }

    private static double rounded(double seconds) {
        return Math.round(1000 * seconds) / 1000.0;
    }
}
