package dev.d3s.server.api;

import java.util.List;
import java.util.Map;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;

import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;

/**
 * Reads request bodies, so that what is wrong with them is said in our words, and what is only meant to cost the server memory or
 * time is refused: nesting, numbers without end, members without number, members given twice, text that no database stores.
 * Thread-safe.
 */
@Singleton
final class RequestJson {
    private static final int MOST_NESTED = 64;
    private static final int MOST_TOKENS = 2_000_000;
    private static final JsonMapper READER = JsonMapper
        .builder(JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder()
                .maxNestingDepth(MOST_NESTED)
                .maxNumberLength(100)
                .maxNameLength(1000)
                .maxTokenCount(MOST_TOKENS)
                .build())
            .build())
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .build();

    private final ObjectMapper mapper;

    @Inject
    RequestJson(ObjectMapper mapper) {
        this.mapper = mapper;
    }

    JsonNode read(String body) {
        JsonNode node;
        try {
            node = READER.readTree(body);
        } catch (JsonProcessingException e) {
            throw invalid("The request is not JSON"
                    + (e.getLocation() == null
                            ? ""
                            : ", at line " + e.getLocation().getLineNr() + ", column " + e.getLocation().getColumnNr())
                    + ": " + words(e) + ".");
        }
        if (node == null || node.isMissingNode()) {
            throw invalid("The request has no body; it must be a JSON object.");
        }
        String unstorable = unstorable("", node);
        if (unstorable != null) {
            throw new InvalidRequestException(List.of(new Mistake(unstorable.isEmpty() ? null : unstorable,
                    "invalid_value", "The text of '" + unstorable
                            + "' has a NUL character or half of a surrogate pair, which is no text: remove it.")));
        }
        return node;
    }

    private static InvalidRequestException invalid(String message) {
        return new InvalidRequestException(List.of(new Mistake(null, "invalid_json", message)));
    }

    /** @return the path of a text that cannot be stored; {@code null} when there is none */
    private static @Nullable String unstorable(String path, JsonNode node) {
        if (node.isTextual()) {
            return isText(node.textValue()) ? null : path;
        }
        if (node.isObject()) {
            for (Map.Entry<String, JsonNode> member : node.properties()) {
                String inside = path.isEmpty() ? member.getKey() : path + "." + member.getKey();
                String found = isText(member.getKey()) ? unstorable(inside, member.getValue()) : path;
                if (found != null) {
                    return found;
                }
            }
        } else if (node.isArray()) {
            for (int index = 0; index < node.size(); index++) {
                JsonNode element = node.get(index);
                if (element.isTextual() || element.isContainerNode()) {
                    String found = unstorable(path + "[" + index + "]", element);
                    if (found != null) {
                        return found;
                    }
                }
            }
        }
        return null;
    }

    /** Whether there is no NUL and no surrogate without the other one. */
    static boolean isText(String text) {
        for (int index = 0; index < text.length(); index++) {
            char at = text.charAt(index);
            if (at == 0 || Character.isLowSurrogate(at)) {
                return false;
            }
            if (Character.isHighSurrogate(at)) {
                index++;
                if (index == text.length() || !Character.isLowSurrogate(text.charAt(index))) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Jackson's message without the place it names a second time. */
    private static String words(JsonProcessingException e) {
        return e.getOriginalMessage()
            .replaceAll("\\s*\\(?(start marker )?at \\[Source:.*", "")
            .replaceAll(
                    "\\s*\\(`StreamReadConstraints[^)]*\\)`?\\)?", "");
    }

    String write(Object value) {
        try {
            return mapper.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
