package dev.d3s.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.node.ObjectNode;

class ProgressDisplayTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private long seconds;

    @Test
    void shouldDrawOneLineAnew() {
        ProgressDisplay display = display(true, 100, StandardCharsets.UTF_8);

        seconds = 0;
        display.step(metrics(-1, 40).put("accuracy", 0.164));
        seconds = 2;
        display.step(reinforcement(0));
        seconds = 4;
        display.step(reinforcement(1));
        display.finish();

        String[] drawn = text().split("\r\u001b\\[K");
        assertThat(drawn[0]).startsWith("  before training: held-out accuracy 16.4 %\n  D3S ░");
        assertThat(drawn[1]).contains("2/40  reward 0.31  kept 64 rollouts 1,403 tokens  9,812 tok/s  acc 16.4 %")
            .endsWith("1:16 left\n");
        assertThat(drawn).hasSize(2);
    }

    @Test
    void shouldNeverBeWiderThanTheTerminal() {
        for (int width : new int[]{20, 60, 80, 120, 200}) {
            bytes.reset();
            ProgressDisplay display = display(true, width, StandardCharsets.UTF_8);
            display.step(reinforcement(20).put("accuracy", 0.5));
            assertThat(text().length()).as("width %s", width).isLessThan(width).isGreaterThan(Math.min(width, 60) - 5);
        }
    }

    @Test
    void shouldUseWhatTheTerminalCanShow() {
        ProgressDisplay display = display(true, 120, StandardCharsets.US_ASCII);
        display.step(reinforcement(19));
        assertThat(bytes.toString(StandardCharsets.US_ASCII)).contains("####").contains("....").doesNotContain("?");
    }

    @Test
    void shouldPrintPlainLinesWhenThereIsNoTerminal() {
        ProgressDisplay display = display(false, 80, StandardCharsets.UTF_8);
        for (int step = 0; step < 350; step++) {
            display.step(metrics(step, 350).put("loss", 3.5 - step / 100.0));
        }
        display.message("Checkpoint after 350 steps.");
        display.finish();

        String[] lines = text().split("\n");
        assertThat(lines).hasSize(11).contains("  D3S 350/350  loss 0.010", "  Checkpoint after 350 steps.");
        assertThat(text()).doesNotContain("\r").doesNotContain("\u001b");
        assertThat(Arrays.stream(lines).filter(line -> line.contains("loss"))).hasSize(10);
    }

    @Test
    void shouldShowEvaluationsInPlainLines() {
        ProgressDisplay display = display(false, 80, StandardCharsets.UTF_8);
        display.step(reinforcement(0));
        display.step(reinforcement(1).put("accuracy", 0.75));

        assertThat(text()).doesNotContain(" 1/40").contains(" 2/40").contains("acc 75.0 %");
    }

    private ProgressDisplay display(boolean terminal, int width, Charset charset) {
        return new ProgressDisplay(new Terminal(new PrintStream(bytes, false, charset), terminal, width), "D3S",
                () -> TimeUnit.SECONDS.toNanos(seconds));
    }

    private String text() {
        return bytes.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
    }

    private static ObjectNode reinforcement(int step) {
        return metrics(step, 40).put("reward_mean", 0.3125)
            .put("kept_rollouts", 64.0)
            .put("kept_tokens", 1403.0)
            .put("tokens_per_second", 9811.7);
    }

    private static ObjectNode metrics(int step, int total) {
        return ApiClient.JSON.createObjectNode().put("step", step).put("total_steps", total);
    }
}
