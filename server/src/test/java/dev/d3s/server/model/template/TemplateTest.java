package dev.d3s.server.model.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** Pieces of templates, each compared with what Python's jinja2 made of it; see README.md beside the data. */
class TemplateTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TestFactory
    List<DynamicTest> shouldRenderAsPython() throws IOException {
        JsonNode data;
        try (InputStream file = TemplateTest.class.getResourceAsStream("/templates/language.json")) {
            data = JSON.readTree(file);
        }
        Clock clock = Clock.fixed(LocalDateTime.parse(data.get("now").asText()).toInstant(ZoneOffset.UTC),
                ZoneOffset.UTC);
        Map<String, Object> variables = JSON.convertValue(data.get("variables"), new TypeReference<>() {
        });
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonNode piece : data.get("pieces")) {
            String source = piece.get("source").asText();
            tests.add(DynamicTest.dynamicTest(source.length() > 60 ? source.substring(0, 60) : source, () -> {
                if (piece.has("text")) {
                    assertThat(Template.parse(source).render(variables, clock)).isEqualTo(piece.get("text").asText());
                } else {
                    boolean refused = piece.get("error").asText().startsWith("TemplateError");
                    boolean syntax = piece.get("error").asText().startsWith("TemplateSyntaxError");
                    assertThatThrownBy(() -> Template.parse(source).render(variables, clock))
                        .isInstanceOfSatisfying(TemplateException.class, failure -> {
                            assertThat(failure.reason())
                                .isEqualTo(refused
                                        ? TemplateException.Reason.REFUSED
                                        : syntax ? TemplateException.Reason.SYNTAX : TemplateException.Reason.FAILED);
                            assertThat(failure.line()).isPositive();
                        });
                }
            }));
        }
        assertThat(tests).hasSizeGreaterThan(70);
        return tests;
    }

    @ParameterizedTest
    @ValueSource(strings = {"{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            "{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
            "{{ 'x' * 1000000000 }}",
            "{{ ('x' * 10000)|replace('', 'y' * 10000) }}",
            "{{ [0] * 1000000000 }}",
            "{{ range(1000000000) }}",
            "{{ 'x'|center(1000000000) }}",
            "{{ 'x'.ljust(1000000000) }}",
            "{{ '%999999999s' % 'x' }}",
            "{{ 9 ** 99999 }}",
            "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}{{ again(0) }}",
            "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
            "{% set n = namespace(t='x') %}{% for a in range(99) %}{% set n.t = n.t + n.t %}{% endfor %}",
            "{% set n = namespace(t='x') %}{% for a in range(99) %}{% set n.t = n.t ~ n.t %}{% endfor %}",
            "{% set n = namespace(l=[1]) %}{% for a in range(99) %}{% set n.l = n.l + n.l %}{% endfor %}",
            "{% set n = namespace(l=[1]) %}{% for a in range(99) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}"})
    void shouldStopWhatTakesTooMuch(String source) {
        assertThatThrownBy(() -> Template.parse(source).render(Map.of(), Clock.systemUTC()))
            .isInstanceOfSatisfying(TemplateException.class,
                    failure -> assertThat(failure.reason()).isIn(TemplateException.Reason.LIMIT,
                            TemplateException.Reason.FAILED));
    }

    @Test
    void shouldRefuseWhatIsNestedTooDeep() {
        String deep = "(".repeat(100_000) + "1" + ")".repeat(100_000);
        assertThatThrownBy(() -> Template.parse("{{ " + deep + " }}")).isInstanceOf(TemplateException.class);
        String blocks = IntStream.range(0, 10_000).mapToObj(index -> "{% if true %}").reduce("", String::concat);
        assertThatThrownBy(() -> Template.parse(blocks)).isInstanceOf(TemplateException.class);
    }

    @Test
    void shouldReachNoObjectOfTheServer() {
        assertThat(Template.parse("{{ s.getClass is defined }}{{ s.class is defined }}{{ l.stream is defined }}"
                + "{{ range.apply is defined }}")
            .render(Map.of("s", "text", "l", List.of(1)), Clock.systemUTC())).isEqualTo("FalseFalseFalseFalse");
        assertThatThrownBy(() -> Template.parse("{{ o }}").render(Map.of("o", new Object()), Clock.systemUTC()))
            .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void shouldNameTheLineOfAMistake() {
        assertThatThrownBy(() -> Template.parse("a\nb {% if x %}\n\n{{ y. }}")).hasMessageStartingWith("line 4:");
        assertThatThrownBy(() -> Template.parse("a\n{% if true %}\n{{ y.z }}{% endif %}")
            .render(Map.of(), Clock.systemUTC())).hasMessage("line 3: 'y' is undefined");
    }
}
