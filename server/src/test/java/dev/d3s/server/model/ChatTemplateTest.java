package dev.d3s.server.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.spi.D3sException;

/** Templates of real models, compared with what transformers' {@code apply_chat_template} makes of them. */
class ChatTemplateTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<Map<String, Object>> HELLO = List.of(Map.of("role", "user", "content", "Hello"));
    private static final List<Map<String, Object>> TOOLS = List.of(Map.of("type", "function", "function",
            Map.of("name", "add", "parameters", Map.of("type", "object"))));

    @TempDir
    private Path directory;

    @TestFactory
    List<DynamicTest> shouldRenderAsTransformers() throws IOException {
        JsonNode data;
        try (InputStream file = ChatTemplateTest.class.getResourceAsStream("/templates/conversations.json")) {
            data = JSON.readTree(file);
        }
        Clock clock = Clock.fixed(LocalDateTime.parse(data.get("now").asText()).toInstant(ZoneOffset.UTC),
                ZoneOffset.UTC);
        List<DynamicTest> tests = new ArrayList<>();
        for (Map.Entry<String, JsonNode> template : data.get("rendered").properties()) {
            Path model = Files.createDirectory(directory.resolve(template.getKey()));
            Files.copy(resource(template.getKey()), model.resolve("chat_template.jinja"));
            JSON.writeValue(model.resolve("tokenizer_config.json").toFile(), data.get("special"));
            ChatTemplate chat = Objects.requireNonNull(ChatTemplate.open(model, clock));
            for (Map.Entry<String, JsonNode> rendered : template.getValue().properties()) {
                JsonNode conversation = data.get("conversations").get(rendered.getKey());
                tests.add(DynamicTest.dynamicTest(template.getKey() + ": " + rendered.getKey(),
                        () -> compare(chat, conversation, rendered.getValue())));
            }
        }
        assertThat(tests).hasSizeGreaterThan(200);
        return tests;
    }

    private static void compare(ChatTemplate chat, JsonNode conversation, JsonNode expected) {
        List<Map<String, Object>> messages = JSON.convertValue(conversation.get("messages"), new TypeReference<>() {
        });
        List<Map<String, Object>> tools = conversation.has("tools")
                ? JSON.convertValue(conversation.get("tools"), new TypeReference<>() {
                })
                : null;
        Map<String, Object> variables = conversation.has("variables")
                ? JSON.convertValue(conversation.get("variables"), new TypeReference<>() {
                })
                : Map.of();
        boolean generate = conversation.path("add_generation_prompt").asBoolean(true);
        boolean parts = messages.stream().anyMatch(message -> message.get("content") instanceof List);
        if (expected.has("text")) {
            assertThat(chat.render(messages, tools, generate, variables)).isEqualTo(expected.get("text").asText());
        } else if (parts && expected.get("error").asText().contains("list")) {
            // better than transformers: one text where the template knows no parts
            assertThat(chat.render(messages, tools, generate, variables)).contains("in parts");
        } else {
            boolean refused = expected.get("error").asText().startsWith("TemplateError");
            assertThatThrownBy(() -> chat.render(messages, tools, generate, variables))
                .isInstanceOfSatisfying(D3sException.class, failure -> assertThat(failure.code())
                    .isEqualTo(refused ? "invalid_conversation" : "chat_template_failed"));
        }
    }

    private static InputStream resource(String name) {
        return Objects.requireNonNull(ChatTemplateTest.class.getResourceAsStream("/templates/" + name));
    }

    @Test
    void shouldBeAbsentWhereTheModelHasNone() throws IOException {
        assertThat(ChatTemplate.open(directory)).isNull();
        write("tokenizer_config.json", "{\"bos_token\": \"<s>\"}");
        assertThat(ChatTemplate.open(directory)).isNull();
        assertThat(ChatTemplate.check(directory)).isEmpty();
    }

    @Test
    void shouldPreferTheFileOverTheConfiguration() throws IOException {
        write("tokenizer_config.json",
                "{\"chat_template\": \"from config {{ bos_token }}\", \"bos_token\": {\"content\": \"<b>\"}}");
        assertThat(render(null)).isEqualTo("from config <b>");
        write("chat_template.json", "{\"chat_template\": \"from json\"}");
        assertThat(render(null)).isEqualTo("from json");
        write("chat_template.jinja", "from jinja {{ messages[0].content }}\n");
        assertThat(render(null)).isEqualTo("from jinja Hello");
    }

    @Test
    void shouldUseTheToolTemplateForToolsOnly() throws IOException {
        write("tokenizer_config.json",
                """
                        {"chat_template": [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "{{ tools|length }} tools"}]}
                        """);
        assertThat(render(null)).isEqualTo("plain");
        assertThat(render(List.of())).isEqualTo("plain");
        assertThat(render(TOOLS)).isEqualTo("1 tools");
        assertThat(ChatTemplate.check(directory)).isEmpty();
    }

    @Test
    void shouldReadTheArgumentsOfToolCallsFromJson() throws IOException {
        write("chat_template.jinja", "{{ messages[0].tool_calls[0].function.arguments.city }}");
        ChatTemplate chat = Objects.requireNonNull(ChatTemplate.open(directory));
        assertThat(chat.render(List.of(Map.of("role", "assistant", "tool_calls", List.of(Map.of("function",
                Map.of("name", "weather", "arguments", "{\"city\": \"Bern\"}"))))), null, false, Map.of()))
            .isEqualTo("Bern");
    }

    @Test
    void shouldLookAtTheClockItIsGiven() throws IOException {
        write("chat_template.jinja", "{{ strftime_now('%d %b %Y') }}");
        Clock clock = Clock.fixed(LocalDateTime.of(2024, 2, 29, 1, 2).toInstant(ZoneOffset.UTC), ZoneOffset.UTC);
        assertThat(Objects.requireNonNull(ChatTemplate.open(directory, clock)).render(HELLO, null, true, Map.of()))
            .isEqualTo("29 Feb 2024");
    }

    @Test
    void shouldRefuseATemplateThatCannotBeReadOrRendered() throws IOException {
        write("chat_template.jinja", "ok\n{% if messages %}\n{{ oops");
        assertThat(ChatTemplate.check(directory)).singleElement()
            .asString()
            .contains("chat_template.jinja, line 3 of the template", "'}}' is missing");
        assertThatThrownBy(() -> ChatTemplate.open(directory)).isInstanceOf(D3sException.class);
        write("chat_template.jinja", "{% for m in messages %}\n{{ m.content|frobnicate }}{% endfor %}");
        assertThat(ChatTemplate.check(directory)).singleElement()
            .asString()
            .contains("line 2 of the template", "there is no filter 'frobnicate'");
        write("chat_template.jinja", "{% if tools %}\n\n{{ tools[0].nope.deep }}{% endif %}");
        assertThat(ChatTemplate.check(directory)).singleElement().asString().contains("line 3", "with tools");
        write("chat_template.jinja",
                "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}");
        assertThat(ChatTemplate.check(directory)).isEmpty();
        assertThat(ModelDirectory.check(directory)).noneMatch(problem -> problem.contains("template"));
    }

    private String render(@Nullable List<Map<String, Object>> tools) throws IOException {
        return Objects.requireNonNull(ChatTemplate.open(directory)).render(HELLO, tools, true, Map.of());
    }

    private void write(String name, String content) throws IOException {
        Files.writeString(directory.resolve(name), content);
    }
}
