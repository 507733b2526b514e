package dev.d3s.server.selection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import java.util.Map;

import org.junit.jupiter.api.Test;

import dev.d3s.server.plugin.PluginChecks;
import dev.d3s.server.plugin.PluginKind;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.selection.Preset.Level;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

class PresetsTest {
    @Test
    void shouldCombineWhatTheMethodSays() {
        Level everything = new Level("all", 1, 1, "constant");
        Level tokens = new Level("advantage-entropy", 0.2, 1, "linear");
        assertThat(Presets.all()).extracting(Preset::name)
            .containsExactly("grpo", "pods", "d1s", "d1s-cross", "d2s", "d3s-i",
                    "d3s-auto", "d3s");
        assertThat(Presets.named("grpo")).extracting(Preset::rollouts, Preset::tokens)
            .containsExactly(everything,
                    everything);
        assertThat(Presets.named("pods")).extracting(Preset::rollouts, Preset::tokens)
            .containsExactly(new Level("pods", 0.25, 0.25, "constant"), everything);
        Level intra = new Level("d3s-intra", 0.25, 0.25, "constant");
        assertThat(Presets.named("d1s")).extracting(Preset::rollouts, Preset::tokens)
            .containsExactly(intra, everything);
        assertThat(Presets.named("d1s-cross")).extracting(Preset::rollouts, Preset::tokens)
            .containsExactly(new Level("d3s-cross", 0.25, 0.25, "constant"), everything);
        assertThat(Presets.named("d2s")).extracting(Preset::rollouts, Preset::tokens)
            .containsExactly(intra, new Level("advantage-entropy", 0.2, 0.2, "constant"));
        assertThat(Presets.named("d3s-i")).extracting(Preset::rollouts, Preset::tokens)
            .containsExactly(new Level("d3s-intra", 0.25, 0.75, "linear"), tokens);
        assertThat(Presets.named("d3s")).extracting(Preset::rollouts, Preset::tokens)
            .containsExactly(new Level("d3s-cross", 0.25, 0.75, "linear"), tokens);
        assertThat(Presets.named("d3s-auto")).extracting(Preset::rollouts, Preset::tokens)
            .containsExactly(new Level("d3s-auto", 0.25, 0.75, "linear"), tokens);
        assertThat(Presets.named(Presets.DEFAULT)).isEqualTo(Presets.named("d3s"));
    }

    @Test
    void shouldNameOnlyPluginsThatExist() {
        try (PluginRegistry registry = PluginRegistry.discover(null)) {
            for (Preset preset : Presets.all()) {
                assertThat(PluginChecks.problems(registry, PluginKind.ROLLOUT_SELECTOR, preset.rollouts().selector(),
                        Map.of()))
                    .isEmpty();
                assertThat(PluginChecks.problems(registry, PluginKind.TOKEN_SELECTOR, preset.tokens().selector(),
                        Map.of()))
                    .isEmpty();
                assertThat(PluginChecks.problems(registry, PluginKind.SCHEDULE, preset.rollouts().schedule(), Map.of()))
                    .isEmpty();
                assertThat(PluginChecks.problems(registry, PluginKind.SCHEDULE, preset.tokens().schedule(), Map.of()))
                    .isEmpty();
            }
        }
    }

    @Test
    void shouldListTheKnownOnesForAnUnknownName() {
        assertThatThrownBy(() -> Presets.named("d4s")).hasMessageContaining("'d4s'")
            .hasMessageContaining("grpo, pods, d1s, d1s-cross, d2s, d3s-i, d3s-auto, d3s")
            .asInstanceOf(type(D3sException.class))
            .satisfies(e -> {
                assertThat(e.category()).isEqualTo(ErrorCategory.USER);
                assertThat(e.code()).isEqualTo("unknown_preset");
            });
    }
}
