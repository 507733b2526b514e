package dev.d3s.server.cli;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * Shows how a job goes: on a terminal one line that is drawn anew with every step, elsewhere a plain line now and then. Used by one thread; whoever began a line ends it
 * with {@link #finish}.
 */
final class ProgressDisplay {
    private static final int WIDEST_BAR = 24;
    private static final String CLEAR_LINE = "\r\u001b[K";
    /** Plain lines per job, evaluations besides. */
    private static final int PLAIN_LINES = 10;

    private final PrintStream out;
    private final boolean terminal;
    private final int width;
    private final LongSupplier nanoTime;
    private final boolean unicode;
    private final String label;
    private long startNanos;
    private int firstStep = -1;
    private double accuracy = Double.NaN;
    private boolean drawn;

    /**
     * @param label what is running, e.g. {@code D3S}
     */
    ProgressDisplay(Terminal terminal, String label, LongSupplier nanoTime) {
        this.out = terminal.out();
        this.label = label;
        this.terminal = terminal.live();
        this.width = terminal.width();
        this.nanoTime = nanoTime;
        this.unicode = out.charset().newEncoder().canEncode('\u2588');
        this.startNanos = nanoTime.getAsLong();
    }

    /** Shows a line of the job's log. */
    void message(String text) {
        clear();
        out.println("  " + text);
        out.flush();
    }

    /** Shows a step. {@code metrics} is the data of a metrics event. */
    void step(JsonNode metrics) {
        int step = metrics.path("step").asInt(-1);
        int total = Math.max(1, metrics.path("total_steps").asInt(1));
        boolean evaluated = metrics.hasNonNull("accuracy");
        if (evaluated) {
            accuracy = metrics.path("accuracy").asDouble();
        }
        if (step < 0) {
            startNanos = nanoTime.getAsLong();
            if (evaluated) {
                message("before training: held-out accuracy " + percent(accuracy));
            }
            return;
        }
        if (firstStep < 0) {
            firstStep = step;
        }
        if (terminal) {
            clear();
            out.print(line(metrics, step, total));
            out.flush();
            drawn = true;
        } else if (evaluated || step + 1 == total || (step + 1) % Math.max(1, total / PLAIN_LINES) == 0) {
            out.println("  " + label + " " + numbers(metrics, step, total));
            out.flush();
        }
    }

    /** Leaves the last line as it is and goes to the next. */
    void finish() {
        if (drawn) {
            out.println();
            out.flush();
            drawn = false;
        }
    }

    /** Takes the line back. */
    void clear() {
        if (drawn) {
            out.print(CLEAR_LINE);
            drawn = false;
        }
    }

    /** {@code   D3S ███████░░░ 12/40 ...}, never wider than the terminal: a wrapped line could not be drawn anew. */
    private String line(JsonNode metrics, int step, int total) {
        String numbers = numbers(metrics, step, total);
        int room = width - 1 - (2 + label.length() + 1 + 1 + numbers.length());
        int bar = Math.min(WIDEST_BAR, room);
        String line = "  " + label + " "
                + (bar < 3 ? "" : bar(bar, (step + 1) / (double) total) + " ") + numbers;
        return line.length() < width ? line : line.substring(0, Math.max(0, width - 1));
    }

    private String bar(int cells, double share) {
        int full = (int) Math.round(cells * Math.clamp(share, 0, 1));
        return (unicode ? "\u2588" : "#").repeat(full) + (unicode ? "\u2591" : ".").repeat(cells - full);
    }

    private String numbers(JsonNode metrics, int step, int total) {
        StringBuilder text = new StringBuilder();
        text.append(step + 1).append('/').append(total);
        if (metrics.hasNonNull("reward_mean")) {
            text.append(String.format(Locale.ROOT, "  reward %.2f", metrics.path("reward_mean").asDouble()));
        } else if (metrics.hasNonNull("loss")) {
            text.append(String.format(Locale.ROOT, "  loss %.3f", metrics.path("loss").asDouble()));
        }
        if (metrics.hasNonNull("kept_rollouts")) {
            text.append(String.format(Locale.ROOT, "  kept %,d rollouts %,d tokens",
                    metrics.path("kept_rollouts").asLong(), metrics.path("kept_tokens").asLong()));
        }
        if (metrics.path("tokens_per_second").asDouble() > 0) {
            text.append(String.format(Locale.ROOT, "  %,d tok/s",
                    Math.round(metrics.path("tokens_per_second").asDouble())));
        }
        if (!Double.isNaN(accuracy)) {
            text.append("  acc ").append(percent(accuracy));
        }
        if (step + 1 < total) {
            text.append("  ").append(left(step, total)).append(" left");
        }
        return text.toString();
    }

    private String left(int step, int total) {
        double elapsed = (nanoTime.getAsLong() - startNanos) / 1e9;
        long seconds = Math.round(elapsed / (step + 1 - firstStep) * (total - step - 1));
        return String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60);
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }
}
