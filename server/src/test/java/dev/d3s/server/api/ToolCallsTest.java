package dev.d3s.server.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ToolCallsTest {
    private static final Set<String> KNOWN = Set.of("sum", "now");

    private static final String HERMES = "Let me see.\n<tool_call>\n{\"name\": \"sum\", \"arguments\": {\"a\": [1, 2]}}\n"
            + "</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";

    /** Text that came out before the end, and what the end found. */
    private record Outcome(String before, ToolCalls.Found found) {}

    private static Outcome of(String text, boolean oneCall) {
        ToolCalls calls = new ToolCalls(KNOWN, oneCall);
        StringBuilder before = new StringBuilder();
        text.chars().forEach(character -> before.append(calls.add(Character.toString(character))));
        return new Outcome(before.toString(), calls.end());
    }

    @Test
    void shouldFindHermesCallsAndReleaseTheTextBeforeThem() {
        Outcome outcome = of(HERMES, false);

        assertThat(outcome.before).isEqualTo("Let me see.");
        assertThat(outcome.found.content()).isEmpty();
        assertThat(outcome.found.calls()).containsExactly(new ToolCalls.Call("sum", "{\"a\":[1,2]}"),
                new ToolCalls.Call("now", "{}"));
        assertThat(of(HERMES, true).found.calls()).containsExactly(new ToolCalls.Call("sum", "{\"a\":[1,2]}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"[TOOL_CALLS][{\"name\": \"sum\", \"arguments\": {\"a\": 1}}]",
            "[{\"name\": \"sum\", \"arguments\": {\"a\": 1}}]", " {\"name\": \"sum\", \"parameters\": {\"a\": 1}}",
            "<|python_tag|>{\"name\": \"sum\", \"parameters\": {\"a\": 1}}",
            "<tool_call>{\"name\": \"sum\", \"arguments\": {\"a\": 1}}"})
    void shouldFindMistralAndLlamaCallsAndOneThatWasCutShort(String text) {
        Outcome outcome = of(text, false);

        assertThat(outcome.before).isBlank();
        assertThat(outcome.found.content()).isEmpty();
        assertThat(outcome.found.calls()).containsExactly(new ToolCalls.Call("sum", "{\"a\":1}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"a < b and <tool is no call ", "{\"name\": \"other\", \"arguments\": {}}", "[1, 2, 3]",
            "{not json", "<tool_call>{\"name\": \"other\", \"arguments\": {}}</tool_call>", "5 [TOOL_", "  \n",
            "{\"name\": \"sum\", \"arguments\": 7}", "x <tool_call>not json</tool_call> y"})
    void shouldLeaveEverythingElseAsItIs(String text) {
        Outcome outcome = of(text, false);

        assertThat(outcome.before + outcome.found.content()).isEqualTo(text);
        assertThat(outcome.found.calls()).isEmpty();
    }

    @Test
    void shouldLookForNothingWhenThereAreNoFunctions() {
        ToolCalls calls = new ToolCalls(Set.of(), false);

        assertThat(calls.add(HERMES)).isEqualTo(HERMES);
        assertThat(calls.end()).isEqualTo(new ToolCalls.Found("", java.util.List.of()));
    }
}
