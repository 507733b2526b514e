package dev.d3s.server.selection;

import java.util.List;
import java.util.stream.Collectors;

import dev.d3s.server.selection.Preset.Level;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** The presets a job can name (arXiv 2509.22115, section 4; keep ratios and d3s-auto are ours, not the paper's). */
public final class Presets {
    /** Chosen by a job that names no preset. */
    public static final String DEFAULT = "d3s";

    private static final Level EVERYTHING = new Level("all", 1, 1, "constant");
    private static final Level QUARTER_OF_EACH_GROUP = new Level("d3s-intra", 0.25, 0.25, "constant");
    private static final Level INFORMATIVE_TOKENS = new Level("advantage-entropy", 0.2, 1, "linear");

    private static final List<Preset> ALL = List.of(
            new Preset("grpo", "Trains on every rollout and every token: what D3S is compared with.", EVERYTHING,
                    EVERYTHING),
            new Preset("pods",
                    "PODS: in each group the rollouts whose rewards vary most, advantages computed over those.",
                    new Level("pods", 0.25, 0.25, "constant"), EVERYTHING),
            new Preset("d1s", "In each group the rollouts whose advantages vary most, all of their tokens.",
                    QUARTER_OF_EACH_GROUP, EVERYTHING),
            new Preset("d1s-cross", "The rollouts of the batch whose advantages vary most, all of their tokens.",
                    new Level("d3s-cross", 0.25, 0.25, "constant"), EVERYTHING),
            new Preset("d2s", "As d1s, and of the tokens those with the largest advantage and entropy.",
                    QUARTER_OF_EACH_GROUP, new Level("advantage-entropy", 0.2, 0.2, "constant")),
            new Preset("d3s-i", "D3S inside each group: the more robust choice for a weak starting policy.",
                    new Level("d3s-intra", 0.25, 0.75, "linear"), INFORMATIVE_TOKENS),
            new Preset("d3s-auto", "At each step d3s-i while few groups are informative, d3s once many are.",
                    new Level("d3s-auto", 0.25, 0.75, "linear"), INFORMATIVE_TOKENS),
            new Preset("d3s", "D3S: the rollouts of the batch whose advantages vary most, the tokens with the largest"
                    + " advantage and entropy, fewer at first and more later.",
                    new Level("d3s-cross", 0.25, 0.75, "linear"), INFORMATIVE_TOKENS));

    private Presets() {}

    /** From the plainest to the default. */
    public static List<Preset> all() {
        return ALL;
    }

    /** @throws D3sException with code {@code unknown_preset}, listing the known ones */
    public static Preset named(String name) {
        return ALL.stream()
            .filter(preset -> preset.name().equals(name))
            .findFirst()
            .orElseThrow(() -> new D3sException(ErrorCategory.USER, "unknown_preset",
                    "There is no preset '" + name + "'; known presets: "
                            + ALL.stream().map(Preset::name).collect(Collectors.joining(", ")) + "."));
    }
}
