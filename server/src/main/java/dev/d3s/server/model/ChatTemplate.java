package dev.d3s.server.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.model.template.Template;
import dev.d3s.server.model.template.TemplateException;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * How a model wants a conversation written as one text: the Jinja template that its directory carries. It is read from {@code chat_template.jinja}, else
 * {@code chat_template.json}, else the member {@code chat_template} of {@code tokenizer_config.json}; where there are several,
 * {@code tool_use} is for conversations with tools and {@code default} for the others. Variables are those that transformers gives:
 * {@code messages}, {@code tools}, {@code documents}, {@code add_generation_prompt} and the special tokens. Immutable; any thread.
 *
 * <p>What it renders already holds the model's special tokens, the one at the beginning included: encode it with {@link Tokenizer#encode}, which adds nothing.
 */
public final class ChatTemplate {
    private static final String JINJA = "chat_template.jinja";
    private static final String JSON = "chat_template.json";
    private static final String CONFIG = "tokenizer_config.json";
    private static final String MEMBER = "chat_template";
    private static final String DEFAULT = "default";
    private static final String TOOLS = "tool_use";
    private static final String MORE = "additional_chat_templates";
    private static final String SUFFIX = ".jinja";
    private static final List<String> SPECIAL_TOKENS = List.of("bos_token", "eos_token", "unk_token", "sep_token",
            "pad_token", "cls_token", "mask_token");
    /** What a template that knows contents in parts looks like. */
    private static final Pattern PARTS = Pattern
        .compile("content'?\\]?\\s+is\\s+(?:not\\s+)?(?:string|iterable|sequence)"
                + "|in\\s+message(?:\\.content|\\[['\"]content['\"]\\])");

    private final Path file;
    private final Map<String, Source> sources;
    private final Map<String, String> specialTokens;
    private final Clock clock;

    /** A template as it is written, and as it is read. */
    private record Source(String text, Template template) {
        boolean mentionsTools() {
            return text.contains("tools");
        }
    }

    private ChatTemplate(Path file, Map<String, Source> sources, Map<String, String> specialTokens, Clock clock) {
        this.file = file;
        this.sources = sources;
        this.specialTokens = specialTokens;
        this.clock = clock;
    }

    /**
     * Reads the template of a model directory.
     *
     * @return {@code null} when the model has none
     * @throws D3sException when there is one that cannot be read, naming file and line
     */
    public static @Nullable ChatTemplate open(Path directory) throws IOException {
        return open(directory, Clock.system(ZoneId.systemDefault()));
    }

    /** As {@link #open(Path)}, with the clock that templates which write today's date look at. */
    public static @Nullable ChatTemplate open(Path directory, Clock clock) throws IOException {
        Path configFile = directory.resolve(CONFIG);
        JsonNode config = Files.isRegularFile(configFile)
                ? ModelFiles.read(configFile)
                : ModelFiles.JSON.createObjectNode();
        Map<String, String> texts = new TreeMap<>();
        Path file = directory.resolve(JINJA);
        if (Files.isRegularFile(file)) {
            for (Path further : further(directory)) {
                String name = String.valueOf(further.getFileName());
                texts.put(name.substring(0, name.length() - SUFFIX.length()), ModelFiles.text(further));
            }
            texts.put(DEFAULT, ModelFiles.text(file));
        } else if (Files.isRegularFile(directory.resolve(JSON))) {
            file = directory.resolve(JSON);
            read(ModelFiles.read(file).path(MEMBER), texts);
        } else {
            file = configFile;
            read(config.path(MEMBER), texts);
        }
        if (texts.isEmpty()) {
            return null;
        }
        Map<String, Source> sources = new TreeMap<>();
        for (Map.Entry<String, String> text : texts.entrySet()) {
            try {
                sources.put(text.getKey(), new Source(text.getValue(), Template.parse(text.getValue())));
            } catch (TemplateException unreadable) {
                throw ModelFiles.invalid(where(file, texts.size() > 1 ? text.getKey() : "", unreadable)
                        + ": the server cannot read this chat template.", unreadable);
            }
        }
        return new ChatTemplate(file, sources, specialTokens(config), clock);
    }

    /**
     * What keeps a directory's template from being rendered, each with file and line; empty when there is none, or when it renders the usual
     * conversations.
     */
    static List<String> check(Path directory) throws IOException {
        ChatTemplate template;
        try {
            template = open(directory);
        } catch (D3sException unreadable) {
            return List.of(unreadable.text());
        }
        return template == null ? List.of() : template.problems();
    }

    /** The file that the template came from. */
    public Path file() {
        return file;
    }

    /** Whether the template writes tools into a conversation. */
    public boolean knowsTools() {
        return source(true).mentionsTools();
    }

    /**
     * Writes a conversation as the model's text.
     *
     * @param messages with the members that OpenAI's messages have: {@code role}, {@code content}, {@code tool_calls} and so on, as plain
     *        values (text, numbers, booleans, null, lists, maps). The arguments of tool calls may be JSON as text; a content in parts that are
     *        all texts becomes one text where the template does not know parts
     * @param tools as OpenAI's; {@code null} for a conversation without
     * @param addGenerationPrompt whether the text goes on to where an answer of the assistant begins
     * @param variables further variables of the template, such as {@code enable_thinking}
     * @throws D3sException category USER: code {@code invalid_conversation} when the template refuses the conversation,
     *         {@code chat_template_failed} when it fails, naming file and line
     */
    public String render(List<? extends Map<String, ?>> messages, @Nullable List<? extends Map<String, ?>> tools,
            boolean addGenerationPrompt, Map<String, ?> variables) {
        boolean withTools = tools != null && !tools.isEmpty();
        Source source = source(withTools);
        try {
            boolean parts = PARTS.matcher(source.text()).find();
            try {
                return rendered(source, messages, tools, addGenerationPrompt, variables, parts);
            } catch (TemplateException failure) {
                if (!parts || failure.reason() != TemplateException.Reason.FAILED) {
                    throw failure;
                }
                // it looked like a template that knows parts
                return rendered(source, messages, tools, addGenerationPrompt, variables, false);
            }
        } catch (TemplateException failure) {
            if (failure.reason() == TemplateException.Reason.REFUSED) {
                throw new D3sException(ErrorCategory.USER, "invalid_conversation",
                        "The model's chat template refuses these messages: " + failure.text(), failure);
            }
            throw new D3sException(ErrorCategory.USER, "chat_template_failed",
                    "The model's chat template cannot write these messages (" + where(file, name(withTools), failure)
                            + "): give each message a \"role\" and a \"content\" that the model knows.",
                    failure);
        }
    }

    private String rendered(Source source, List<? extends Map<String, ?>> messages,
            @Nullable List<? extends Map<String, ?>> tools, boolean addGenerationPrompt, Map<String, ?> variables,
            boolean parts) {
        Map<String, @Nullable Object> all = new LinkedHashMap<>(specialTokens);
        all.put("messages", messages.stream().map(message -> prepared(message, parts)).toList());
        all.put("tools", tools);
        all.put("documents", null);
        all.put("add_generation_prompt", addGenerationPrompt);
        all.putAll(variables);
        return source.template().render(all, clock);
    }

    private Source source(boolean tools) {
        Source source = sources.get(name(tools));
        return source == null ? sources.values().iterator().next() : source;
    }

    private String name(boolean tools) {
        return tools && sources.containsKey(TOOLS) ? TOOLS : DEFAULT;
    }

    private static Map<String, @Nullable Object> prepared(Map<String, ?> message, boolean parts) {
        Map<String, @Nullable Object> prepared = new LinkedHashMap<>(message);
        if (!parts && message.get("content") instanceof List<?> content && !content.isEmpty()
                && content.stream().allMatch(ChatTemplate::isText)) {
            prepared.put("content", String.join("\n", content.stream().map(part -> text(part)).toList()));
        }
        if (message.get("tool_calls") instanceof List<?> calls) {
            prepared.put("tool_calls", calls.stream().map(ChatTemplate::call).toList());
        }
        return prepared;
    }

    private static boolean isText(@Nullable Object part) {
        return part instanceof Map<?, ?> map && "text".equals(map.get("type")) && map.get("text") instanceof String;
    }

    private static String text(@Nullable Object part) {
        return part instanceof Map<?, ?> map ? String.valueOf(map.get("text")) : "";
    }

    /** A tool call with its arguments as a map: OpenAI's wire format has them as JSON in a text, templates want the values. */
    private static Object call(Object call) {
        if (!(call instanceof Map<?, ?> map) || !(map.get("function") instanceof Map<?, ?> function)
                || !(function.get("arguments") instanceof String json)) {
            return call;
        }
        try {
            Map<?, ?> arguments = ModelFiles.JSON.readValue(json, Map.class);
            if (arguments == null) {
                return call;
            }
            Map<Object, @Nullable Object> parsed = new LinkedHashMap<>(function);
            parsed.put("arguments", arguments);
            Map<Object, @Nullable Object> copy = new LinkedHashMap<>(map);
            copy.put("function", parsed);
            return copy;
        } catch (JsonProcessingException noMap) {
            return call;
        }
    }

    private List<String> problems() {
        Map<String, String> user = Map.of("role", "user", "content", "Hello");
        Map<String, String> system = Map.of("role", "system", "content", "Be brief.");
        Map<String, String> assistant = Map.of("role", "assistant", "content", "Hi.");
        List<Map<String, Object>> tools = List.of(Map.of("type", "function", "function",
                Map.of("name", "add", "description", "Adds.", "parameters",
                        Map.of("type", "object", "properties", Map.of("a", Map.of("type", "number"))))));
        List<String> problems = new ArrayList<>();
        for (List<Map<String, String>> conversation : List.of(List.of(user), List.of(system, user),
                List.of(user, assistant, user))) {
            probe(DEFAULT, conversation, null, problems);
        }
        if (knowsTools()) {
            probe(name(true), List.of(user), tools, problems);
        }
        return problems.stream().distinct().toList();
    }

    private void probe(String name, List<Map<String, String>> messages, @Nullable List<Map<String, Object>> tools,
            List<String> problems) {
        try {
            rendered(source(tools != null), messages, tools, true, Map.of(), false);
        } catch (TemplateException failure) {
            // a template may refuse a system message or an order of roles
            if (failure.reason() != TemplateException.Reason.REFUSED) {
                problems.add(where(file, sources.size() > 1 ? name : "", failure)
                        + ": the server cannot render this chat template"
                        + (tools == null ? "" : " for a conversation with tools") + ".");
            }
        }
    }

    private static String where(Path file, String name, TemplateException failure) {
        return file + (failure.line() > 0 ? ", line " + failure.line() + " of the template" : "")
                + (name.isEmpty() || name.equals(DEFAULT) ? "" : " '" + name + "'") + ": " + failure.text();
    }

    private static void read(JsonNode node, Map<String, String> texts) {
        if (node.isTextual()) {
            texts.put(DEFAULT, node.asText());
        }
        for (JsonNode named : node) {
            texts.put(named.path("name").asText(), named.path("template").asText());
        }
    }

    /** The files of a directory's further templates, beside the one that it has by default. */
    static List<Path> further(Path directory) throws IOException {
        Path more = directory.resolve(MORE);
        if (!Files.isDirectory(more)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(more)) {
            return files.filter(file -> file.toString().endsWith(SUFFIX)).sorted().toList();
        }
    }

    private static Map<String, String> specialTokens(JsonNode config) {
        Map<String, String> tokens = new LinkedHashMap<>();
        for (String name : SPECIAL_TOKENS) {
            JsonNode token = config.path(name);
            String text = token.isTextual() ? token.asText() : token.path("content").asText();
            if (!text.isEmpty()) {
                tokens.put(name, text);
            }
        }
        return tokens;
    }
}
