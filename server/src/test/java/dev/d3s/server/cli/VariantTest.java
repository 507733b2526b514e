package dev.d3s.server.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

class VariantTest {
    @Test
    void shouldReadPresetsAndTheirChanges() throws IOException {
        List<Variant> variants = Variant.parseList("grpo, d3s:rollouts=0.25-0.5:tokens=0.2,"
                + "d3s:rollouts.selector=d3s-cross:rollouts.selector.config.split=balanced:tokens.norm=all,"
                + "d3s-i:optimizer.learning_rate=4e-4:optimizer.warmup_steps=3");

        assertThat(variants).extracting(Variant::preset).containsExactly("grpo", "d3s", "d3s", "d3s-i");
        assertThat(variants.getFirst()).isEqualTo(Variant.BASELINE);
        assertThat(variants.get(1).name()).isEqualTo("d3s:rollouts=0.25-0.5:tokens=0.2");
        assertThat(applied(variants.get(0))).isEqualTo(json("{'preset':'x','optimizer':{'decay':'linear'}}"));
        assertThat(applied(variants.get(1))).isEqualTo(json("""
                {'preset':'x','optimizer':{'decay':'linear'},
                 'rollouts':{'keep':{'from':0.25,'to':0.5},'schedule':{'name':'linear'}},
                 'tokens':{'keep':{'from':0.2,'to':0.2},'schedule':{'name':'constant'}}}"""));
        assertThat(applied(variants.get(2))).isEqualTo(json("""
                {'preset':'x','optimizer':{'decay':'linear'},
                 'rollouts':{'selector':{'name':'d3s-cross','config':{'split':'balanced'}}},
                 'tokens':{'norm':'all'}}"""));
        assertThat(applied(variants.get(3)).toString())
            .isEqualTo(json("{'preset':'x','optimizer':{'decay':'linear','learning_rate':4e-4,'warmup_steps':3}}")
                .toString());
    }

    private static JsonNode applied(Variant variant) throws IOException {
        ObjectNode d3s = (ObjectNode) json("{'preset':'x','optimizer':{'decay':'linear'}}");
        variant.apply(d3s);
        return d3s;
    }

    private static JsonNode json(String text) throws IOException {
        return ApiClient.JSON.readTree(text.replace('\'', '"'));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            grpo,,d3s             | --presets needs names of presets, separated by commas, such as grpo,d3s.
            :tokens=0.5           | --presets needs names of presets, separated by commas, such as grpo,d3s.
            d3s,grpo,d3s          | --presets lists 'd3s' twice.
            d3s:tokens=0          | In 'd3s:tokens=0', tokens=0 must be a keep ratio above 0 and up to 1, or two of them as in 0.25-0.5.
            d3s:tokens=0.2-1.5    | In 'd3s:tokens=0.2-1.5', tokens=0.2-1.5 must be a keep ratio above 0 and up to 1, or two of them as in 0.25-0.5.
            d3s:rollouts=0.2.1    | In 'd3s:rollouts=0.2.1', rollouts=0.2.1 must be a keep ratio above 0 and up to 1, or two of them as in 0.25-0.5.
            d3s:rollouts=-0.5     | In 'd3s:rollouts=-0.5', rollouts=-0.5 must be a keep ratio above 0 and up to 1, or two of them as in 0.25-0.5.
            d3s:prompts=3         | In 'd3s:prompts=3', 'prompts=3' is no change of a preset: write rollouts=0.25-0.5, tokens=0.2 or a member of a job's d3s with its value, such as tokens.norm=all.
            d3s:evaluation.interval=3 | In 'd3s:evaluation.interval=3', 'evaluation.interval=3' is no change of a preset: write rollouts=0.25-0.5, tokens=0.2 or a member of a job's d3s with its value, such as tokens.norm=all.
            d3s:tokens.norm       | In 'd3s:tokens.norm', 'tokens.norm' is no change of a preset: write rollouts=0.25-0.5, tokens=0.2 or a member of a job's d3s with its value, such as tokens.norm=all.
            """)
    void shouldSayWhatMakesNoSense(String list, String message) {
        assertThatThrownBy(() -> Variant.parseList(list)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage(message);
    }

    @Test
    void shouldBeHeldToThePresetsOfTheServer() throws IOException {
        JsonNode presets = json("""
                [{'name':'grpo','rollouts':{'selector':{'name':'all'}},'tokens':{'selector':{'name':'all'}}},
                 {'name':'d1s','rollouts':{'selector':{'name':'d3s-intra'}},'tokens':{'selector':{'name':'all'}}}]""");
        for (Variant fine : Variant.parseList("grpo,d1s:rollouts=0.1,grpo:optimizer.beta1=0.8,"
                + "d1s:tokens=0.5:tokens.selector=entropy")) {
            fine.check(presets);
        }
        assertThatThrownBy(() -> Variant.of("d4s").check(presets)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("There is no preset 'd4s'; known presets: grpo, d1s.");
        assertThatThrownBy(() -> Variant.parseList("d1s:tokens=0.5").getFirst().check(presets))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("In 'd1s:tokens=0.5', tokens=... has no effect: the preset d1s keeps all tokens.");
    }
}
