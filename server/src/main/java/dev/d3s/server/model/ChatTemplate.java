package dev.d3s.server.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.spi.D3sException;

/**
 * How a model wants a conversation written as one text: the Jinja template that its directory carries. It is read from {@code chat_template.jinja}, else
 * {@code chat_template.json}, else the member {@code chat_template} of {@code tokenizer_config.json}; where there are several,
 * {@code tool_use} is for conversations with tools and {@code default} for the others. Immutable; any thread.
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
    private static final List<String> SPECIAL_TOKENS = List.of("bos_token", "eos_token", "unk_token", "sep_token",
            "pad_token", "cls_token", "mask_token");

    private final Path file;
    private final Map<String, String> sources;
    private final Map<String, String> specialTokens;
    private final Clock clock;

    private ChatTemplate(Path file, Map<String, String> sources, Map<String, String> specialTokens, Clock clock) {
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
        Map<String, String> sources = new TreeMap<>();
        Path file = directory.resolve(JINJA);
        if (Files.isRegularFile(file)) {
            sources.put(DEFAULT, Files.readString(file));
        } else if (Files.isRegularFile(directory.resolve(JSON))) {
            file = directory.resolve(JSON);
            read(ModelFiles.read(file).path(MEMBER), sources);
        } else {
            file = configFile;
            read(config.path(MEMBER), sources);
        }
        return sources.isEmpty()
                ? null
                : new ChatTemplate(file, Map.copyOf(sources), specialTokens(config), clock);
    }

    /** The file that the template came from. */
    public Path file() {
        return file;
    }

    /**
     * Writes a conversation as the model's text.
     *
     * @param messages with the members that OpenAI's messages have: {@code role}, {@code content}, {@code tool_calls} and so on, as plain
     *        values (text, numbers, booleans, null, lists, maps); a tool call's {@code function.arguments} should be a map
     * @param tools as OpenAI's; {@code null} for a conversation without
     * @param addGenerationPrompt whether the text goes on to where an answer of the assistant begins
     * @param variables further variables of the template, such as {@code enable_thinking}
     * @throws D3sException category USER: code {@code invalid_conversation} when the template refuses the conversation,
     *         {@code chat_template_failed} when it fails, naming file and line
     */
    public String render(List<? extends Map<String, ?>> messages, @Nullable List<? extends Map<String, ?>> tools,
            boolean addGenerationPrompt, Map<String, ?> variables) {
        Map<String, @Nullable Object> all = new LinkedHashMap<>(specialTokens);
        all.put("messages", messages);
        all.put("tools", tools);
        all.put("add_generation_prompt", addGenerationPrompt);
        all.putAll(variables);
        throw new UnsupportedOperationException("chat templates are not rendered yet: " + sources + clock + all);
    }

    private static void read(JsonNode node, Map<String, String> sources) {
        if (node.isTextual()) {
            sources.put(DEFAULT, node.asText());
        }
        for (JsonNode named : node) {
            sources.put(named.path("name").asText(), named.path("template").asText());
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
