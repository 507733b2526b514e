package dev.d3s.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

class PluginConfigTest {
    private static final List<ConfigKey> KEYS = List.of(
            new ConfigKey.Real("ratio", 0.5, 0, true, 1, "a share"),
            new ConfigKey.Whole("count", 3L, 1, 10, "how many"), new ConfigKey.Text("label", null, "what to call it"),
            new ConfigKey.Choice("mode", "fast", List.of("fast", "slow"), "how"),
            new ConfigKey.Flag("strict", false, "whether"));

    private static PluginConfig of(Map<String, ?> given) {
        return PluginConfig.of(KEYS, given);
    }

    @Test
    void shouldFillInDefaults() {
        PluginConfig config = of(Map.of("label", "x"));
        assertThat(config.real("ratio")).isEqualTo(0.5);
        assertThat(config.whole("count")).isEqualTo(3);
        assertThat(config.text("label")).isEqualTo("x");
        assertThat(config.text("mode")).isEqualTo("fast");
        assertThat(config.flag("strict")).isFalse();
        assertThat(config.asMap()).containsOnlyKeys("ratio", "count", "label", "mode", "strict");
    }

    @Test
    void shouldTakeNumbersOfAnyJavaType() {
        PluginConfig config = of(Map.of("label", "", "ratio", 1, "count", 4.0));
        assertThat(config.real("ratio")).isEqualTo(1.0);
        assertThat(config.whole("count")).isEqualTo(4);
        assertThat(of(Map.of("label", "", "count", BigInteger.TEN)).whole("count")).isEqualTo(10);
        assertThat(of(Map.of("label", "", "count", 7)).asMap()).containsEntry("count", 7L);
    }

    @Test
    void shouldReportEveryMistakeAtOnce() {
        Map<String, Object> given = Map.of("ratio", 0, "count", 2.5, "mode", "medium", "strict", "yes", "rate", 1);
        assertThatThrownBy(() -> of(given)).asInstanceOf(type(InvalidConfigException.class)).satisfies(e -> {
            assertThat(e.category()).isEqualTo(ErrorCategory.USER);
            assertThat(e.code()).isEqualTo("invalid_config");
            assertThat(e.problems()).extracting(ConfigProblem::key)
                .containsExactlyInAnyOrder("ratio", "count", "label",
                        "mode", "strict", "rate");
            assertThat(e.text()).contains("Unknown key 'rate'; known keys: ratio, count, label, mode, strict.")
                .contains("'ratio' is 0 but must be a number above 0.0 to 1.0")
                .contains("'count' is 2.5 but must be a whole number from 1 to 10")
                .contains("'label' is required: what to call it")
                .contains("'mode' is 'medium' but must be one of fast, slow")
                .contains("'strict' is 'yes' but must be true or false");
        });
    }

    @Test
    void shouldRefuseNumbersOutsideTheirRange() {
        for (Object ratio : List.of(-1, 0, 1.0001, Double.NaN, Double.POSITIVE_INFINITY, "0.5")) {
            assertThatThrownBy(() -> of(Map.of("label", "", "ratio", ratio))).hasMessageContaining("'ratio'");
        }
        for (Object count : List.of(0, 11, 1e30, BigInteger.TWO.pow(64).add(BigInteger.ONE), Double.NaN, true)) {
            assertThatThrownBy(() -> of(Map.of("label", "", "count", count))).hasMessageContaining("'count'");
        }
    }

    @Test
    void shouldNotTakeAHugeNumberForTheLargestLong() {
        List<ConfigKey> keys = List.of(new ConfigKey.Whole("seed", 0L, Long.MIN_VALUE, Long.MAX_VALUE, "any"));
        assertThat(PluginConfig.of(keys, Map.of("seed", Long.MAX_VALUE)).whole("seed")).isEqualTo(Long.MAX_VALUE);
        assertThatThrownBy(() -> PluginConfig.of(keys, Map.of("seed", 1e30))).hasMessageContaining("'seed'");
    }

    @Test
    void shouldSayWhenAPluginTakesNoConfiguration() {
        assertThat(PluginConfig.of(List.of(), Map.of()).asMap()).isEmpty();
        assertThatThrownBy(() -> PluginConfig.of(List.of(), Map.of("x", 1)))
            .hasMessage("Unknown key 'x'; it takes no configuration.");
    }

    @Test
    void shouldNameAKeyThatAPluginReadsButDoesNotDeclare() {
        assertThatThrownBy(() -> of(Map.of("label", "")).real("missing")).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("'missing'");
    }

    @Test
    void shouldTakeJsonAsPlainValuesThatNobodyCanChange() {
        List<ConfigKey> keys = List.of(ConfigKey.Json.of("graders", null, "what to combine", "object", "array"),
                ConfigKey.Json.of("limit", 1, "a number", "integer"), new ConfigKey.Json("any", "x", Map.of(), "any"));
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("z", Arrays.asList(1, 2.5f, null, true));
        members.put("a", Map.of("n", BigInteger.TEN));
        PluginConfig config = PluginConfig.of(keys, Map.of("graders", members));
        assertThat(config.json("graders"))
            .isEqualTo(Map.of("z", Arrays.asList(1L, 2.5, null, true), "a", Map.of("n", 10.0)));
        assertThat(((Map<?, ?>) config.json("graders")).keySet().toString()).isEqualTo("[z, a]");
        assertThat(config.json("limit")).isEqualTo(1L);
        members.clear();
        assertThat((Map<?, ?>) config.json("graders")).hasSize(2);
        assertThatThrownBy(() -> ((Map<?, ?>) config.json("graders")).clear())
            .isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(() -> PluginConfig.of(keys, Map.of("graders", "{}", "limit", 1.5)))
            .hasMessage("Key 'graders' is '{}' but must be JSON: object or array. "
                    + "Key 'limit' is 1.5 but must be JSON: integer.");
        assertThatThrownBy(() -> of(Map.of("label", List.of(1), "count", Map.of())))
            .hasMessage("Key 'count' is an object but must be a whole number from 1 to 10. "
                    + "Key 'label' is a list but must be a string.");
    }
}
