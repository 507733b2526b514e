package dev.d3s.server.dataset;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;

/** One line of JSON Lines to one {@link DatasetRow}, or to what is wrong with it. Stateless. */
final class RowParser {
    private static final JsonMapper JSON = JsonMapper
        .builder(JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder()
                .maxNestingDepth(100)
                .maxTokenCount(1_000_000)
                .maxStringLength(Dataset.MAX_LINE_BYTES)
                .build())
            .build())
        .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .build();

    /** Why a line is no row. */
    static final class Malformed extends Exception {
        private static final long serialVersionUID = 1L;

        Malformed(String message) {
            super(message);
        }

        String text() {
            return String.valueOf(getMessage());
        }
    }

    private RowParser() {}

    static DatasetRow parse(byte[] bytes, int line, RowKind kind) throws Malformed {
        JsonNode tree = tree(text(bytes, line));
        if (!tree.isObject()) {
            throw new Malformed("A row must be a JSON object such as {\"prompt\": \"...\"}; this one is "
                    + described(tree) + ".");
        }
        if (tree.has("messages")) {
            return messages(tree, line, kind);
        }
        String prompt = member(tree, "prompt", kind);
        String completion = kind == RowKind.PROMPT && !tree.path("completion").isTextual()
                ? null
                : member(tree, "completion", kind);
        if (prompt.isEmpty()) {
            throw new Malformed("\"prompt\" is empty; a prompt has at least one token.");
        }
        return new DatasetRow(line, prompt, completion, map(tree));
    }

    private static String member(JsonNode tree, String name, RowKind kind) throws Malformed {
        JsonNode node = tree.path(name);
        if (node.isTextual()) {
            return node.asText();
        }
        String wanted = kind == RowKind.PROMPT
                ? "give \"prompt\" as text"
                : "give \"prompt\" and \"completion\" as text";
        if (!node.isMissingNode()) {
            throw new Malformed("\"" + name + "\" is " + described(node) + ": " + wanted + ".");
        }
        throw new Malformed("\"" + name + "\" is missing: " + wanted + ", or \"messages\" as a list.");
    }

    private static DatasetRow messages(JsonNode tree, int line, RowKind kind) throws Malformed {
        if (tree.has("prompt")) {
            throw new Malformed("The row has \"messages\" and \"prompt\": give one of them.");
        }
        JsonNode messages = tree.get("messages");
        if (!messages.isArray() || messages.isEmpty()) {
            throw new Malformed("\"messages\" is " + (messages.isArray() ? "empty" : described(messages))
                    + ": give a list of messages such as {\"role\": \"user\", \"content\": \"...\"}.");
        }
        for (int index = 0; index < messages.size(); index++) {
            checkMessage("messages[" + index + "]", messages.get(index));
        }
        JsonNode tools = tree.path("tools");
        if (!tools.isMissingNode() && !tools.isNull()) {
            checkTools(tools);
        }
        Conversation conversation = new Conversation(objects(messages), tools.isArray() ? objects(tools) : null);
        if (kind == RowKind.PROMPT_AND_COMPLETION && conversation.lastTrained() < 0) {
            throw new Malformed(
                    "\"messages\" has no answer to imitate: at least one message must have the role assistant and no"
                            + " \"weight\" of 0.");
        }
        if (kind == RowKind.PROMPT && conversation.questions() == 0) {
            throw new Malformed("\"messages\" has nothing before the answer: begin with a message of the user.");
        }
        Map<String, Object> item = map(tree);
        String answer = null;
        int last = messages.size() - 1;
        if (conversation.answer(last) && messages.get(last).path("content").isTextual()) {
            answer = messages.get(last).path("content").asText();
            if (!item.containsKey("completion")) {
                Map<String, Object> more = new LinkedHashMap<>(item);
                more.put("completion", answer);
                item = Collections.unmodifiableMap(more);
            }
        }
        return new DatasetRow(line, "", answer, item, conversation);
    }

    private static void checkMessage(String where, JsonNode message) throws Malformed {
        if (!message.isObject()) {
            throw new Malformed("\"" + where + "\" is " + described(message)
                    + ": a message is an object such as {\"role\": \"user\", \"content\": \"...\"}.");
        }
        JsonNode role = message.path("role");
        if (!role.isTextual() || role.asText().isEmpty()) {
            throw new Malformed("\"" + where + ".role\" is " + (role.isTextual() ? "empty" : described(role))
                    + ": give the role as text, such as user, assistant, system or tool.");
        }
        JsonNode content = message.path("content");
        boolean calls = message.path("tool_calls").isArray() && !message.path("tool_calls").isEmpty();
        if (!content.isTextual() && !content.isArray() && !calls) {
            throw new Malformed("\"" + where + ".content\" is " + described(content)
                    + ": give the content as text, or as a list of parts.");
        }
        JsonNode weight = message.path("weight");
        if (!weight.isMissingNode() && !weight.isNull()
                && !(weight.isNumber() && (weight.asDouble() == 0 || weight.asDouble() == 1))) {
            throw new Malformed("\"" + where + ".weight\" must be 0 (not imitated) or 1.");
        }
    }

    private static void checkTools(JsonNode tools) throws Malformed {
        boolean objects = tools.isArray();
        for (JsonNode tool : tools) {
            objects &= tool.isObject();
        }
        if (!objects) {
            throw new Malformed(
                    "\"tools\" must be a list of objects such as {\"type\": \"function\", \"function\": {...}}.");
        }
    }

    /** A list of objects with every member, null ones too: templates ask for them. */
    private static List<Map<String, @Nullable Object>> objects(JsonNode list) {
        List<Map<String, @Nullable Object>> objects = new ArrayList<>(list.size());
        for (JsonNode element : list) {
            objects.add(whole(element));
        }
        return Collections.unmodifiableList(objects);
    }

    private static Map<String, @Nullable Object> whole(JsonNode node) {
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> member : node.properties()) {
            members.put(member.getKey(), wholeValue(member.getValue()));
        }
        return Collections.unmodifiableMap(members);
    }

    private static @Nullable Object wholeValue(JsonNode node) {
        if (node.isObject()) {
            return whole(node);
        }
        if (!node.isArray()) {
            return plain(node);
        }
        List<@Nullable Object> elements = new ArrayList<>(node.size());
        node.forEach(element -> elements.add(wholeValue(element)));
        return Collections.unmodifiableList(elements);
    }

    private static String text(byte[] bytes, int line) throws Malformed {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException notUtf8) {
            throw new Malformed("The line is not valid UTF-8: save the file as UTF-8.");
        }
        // some editors begin a UTF-8 file with a byte order mark
        return line == 1 && text.startsWith("\uFEFF") ? text.substring(1) : text;
    }

    private static JsonNode tree(String text) throws Malformed {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException notJson) {
            var location = notJson.getLocation();
            throw new Malformed("The line is not one JSON value: " + notJson.getOriginalMessage()
                    + (location == null ? "" : " (column " + location.getColumnNr() + ")")
                    + ". Each line must be a complete JSON object.");
        }
    }

    /** Strings, Long (BigDecimal when too large), Double (BigDecimal when it would lose digits), Boolean, List, Map. */
    private static @Nullable Object plain(JsonNode node) {
        return switch (node.getNodeType()) {
            case STRING -> node.asText();
            case BOOLEAN -> node.asBoolean();
            case NUMBER -> number(node);
            case ARRAY -> list(node);
            case OBJECT -> map(node);
            case NULL, MISSING, BINARY, POJO -> null;
        };
    }

    private static List<@Nullable Object> list(JsonNode node) {
        List<@Nullable Object> list = new ArrayList<>(node.size());
        node.forEach(element -> list.add(plain(element)));
        return Collections.unmodifiableList(list);
    }

    /** Members that are null are left out. */
    private static Map<String, Object> map(JsonNode node) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> member : node.properties()) {
            Object value = plain(member.getValue());
            if (value != null) {
                map.put(member.getKey(), value);
            }
        }
        return Collections.unmodifiableMap(map);
    }

    private static Object number(JsonNode node) {
        if (node.isIntegralNumber()) {
            return node.canConvertToLong() ? (Object) node.asLong() : node.decimalValue();
        }
        BigDecimal exact = node.decimalValue();
        double nearest = exact.doubleValue();
        return Double.isFinite(nearest) && new BigDecimal(Double.toString(nearest)).compareTo(exact) == 0
                ? (Object) nearest
                : exact;
    }

    private static String described(JsonNode node) {
        return switch (node.getNodeType()) {
            case ARRAY -> "a list";
            case OBJECT -> "an object";
            case STRING -> "a string";
            case NUMBER -> "a number";
            case BOOLEAN -> "a boolean";
            case NULL -> "null";
            case MISSING, BINARY, POJO -> "missing";
        };
    }
}
