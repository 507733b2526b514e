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
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;

/** One line of JSON Lines to one {@link DatasetRow}, or to what is wrong with it. Stateless. */
final class RowParser {
    private static final JsonMapper JSON = JsonMapper
        .builder(JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build())
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
        if (tree.has("messages")) {
            throw new Malformed("\"messages\" cannot be used yet: " + wanted + " instead.");
        }
        throw new Malformed("\"" + name + "\" is missing: " + wanted + ".");
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
            case MISSING, BINARY, POJO -> "nothing";
        };
    }
}
