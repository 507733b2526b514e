package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.InvalidConfigException;

class TemplateTest {
    private static final Map<String, Object> ITEM = Map.of("x", "ten", "a", Map.of("b", 7L), "list",
            List.of("first", Map.of("deep", true)), "real", 1.0e10, "half", 0.5);

    private static String rendered(String template) {
        return Template.of("input", template).render(Rows.rollout("done", ITEM));
    }

    @Test
    void shouldFillInVariables() {
        assertThat(rendered("no variable")).isEqualTo("no variable");
        assertThat(rendered("")).isEmpty();
        assertThat(rendered("<{{sample.output_text}}|{{ item.x }}>")).isEqualTo("<done|ten>");
        assertThat(rendered("{{item.a.b}} {{item.list.0}} {{item.list.1.deep}}")).isEqualTo("7 first true");
        assertThat(rendered("{{item.real}} {{item.half}}")).isEqualTo("10000000000 0.5");
        assertThat(rendered("{ } }} {single}")).isEqualTo("{ } }} {single}");
    }

    @Test
    void shouldNotReadVariablesInsideValues() {
        assertThat(Template.of("input", "{{item.x}}").render(Rows.rollout("", Map.of("x", "{{item.y}}"))))
            .isEqualTo("{{item.y}}");
    }

    @ParameterizedTest
    @ValueSource(strings = {"sample.output", "sample.output_json", "item", "item.", "item..x", "x", "", "item.a b",
            "item.list[0]"})
    void shouldRefuseAnUnknownVariableWhenMade(String name) {
        assertThatThrownBy(() -> Template.of("reference", "a {{" + name + "}} b"))
            .isInstanceOf(InvalidConfigException.class)
            .hasMessageContaining("'reference' names {{" + name + "}}")
            .hasMessageContaining("{{sample.output_text}}");
    }

    @Test
    void shouldReportAllMistakesAtOnce() {
        assertThatThrownBy(() -> Template.of("input", "{{one}} {{item.x}} {{two}} {{three"))
            .asInstanceOf(type(InvalidConfigException.class))
            .satisfies(e -> {
                assertThat(e.problems()).hasSize(3).allMatch(problem -> problem.key().equals("input"));
                assertThat(e).hasMessageContaining("{{one}}")
                    .hasMessageContaining("{{two}}")
                    .hasMessageContaining("character 28 and never closes");
            });
    }

    @Test
    void shouldNameWhatARowDoesNotHave() {
        fails("{{item.y}}",
                "{{item.y}} is not in this dataset row: the row has no member 'y', it has a, half, list, real, x");
        fails("{{item.a.c}}", "'a' has no member 'c', it has b");
        fails("{{item.list.2}}", "'list' is a list of 2 and '2' is not");
        fails("{{item.list.first}}", "'first' is not the number of an element");
        fails("{{item.x.y}}", "'x' is a single value and has no member 'y'");
        fails("{{item.list}}", "{{item.list}} is a list or an object");
        Map<String, Object> withNull = new HashMap<>();
        withNull.put("z", null);
        assertThatThrownBy(() -> Template.of("input", "{{item.z}}").render(Rows.rollout("", withNull)))
            .hasMessageContaining("{{item.z}} is null in this dataset row");
    }

    private static void fails(String template, String message) {
        assertThatThrownBy(() -> rendered(template)).hasMessageContaining(message)
            .asInstanceOf(type(D3sException.class))
            .extracting(D3sException::category)
            .isEqualTo(ErrorCategory.USER);
    }
}
