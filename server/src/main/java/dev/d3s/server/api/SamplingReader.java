package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.rollout.SamplingSettings;

/** Reads what requests for completions have in common, and collects every mistake. */
class SamplingReader {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    /** Sent by clients for OpenAI's own bookkeeping; nothing follows from them here. */
    private static final Set<String> IGNORED = Set.of("user", "store", "metadata", "service_tier", "safety_identifier",
            "prompt_cache_key");
    private static final Set<String> COMMON = Set.of("model", "n", "temperature", "top_p", "top_k", "min_p", "seed",
            "stop", "logprobs", "stream", "stream_options", "max_tokens", "frequency_penalty", "presence_penalty",
            "logit_bias", "return_token_ids");

    private static final int MOST_MISTAKES = 100;

    final JsonNode body;
    private final List<Mistake> mistakes = new ArrayList<>();

    SamplingReader(JsonNode body, String... required) {
        this.body = body;
        if (!body.isObject()) {
            throw new InvalidRequestException(List.of(new Mistake(null, "invalid_type",
                    "The request must be a JSON object with '" + String.join("' and '", required) + "'.")));
        }
    }

    /** Every member that is neither common nor one of these is a mistake. */
    void refuseUnknown(Set<String> more) {
        Set<String> known = new TreeSet<>(COMMON);
        known.addAll(more);
        body.fieldNames().forEachRemaining(name -> {
            if (!known.contains(name) && !IGNORED.contains(name) && mistakes.size() < MOST_MISTAKES) {
                mistake(name, "unknown_parameter", "There is no member '" + name + "'; there are "
                        + String.join(", ", known) + ".");
            }
        });
    }

    String model() {
        String model = body.path("model").asText("");
        if (model.isEmpty()) {
            mistake("model", "missing_required_parameter", "'model' is required: an id from GET /v1/models.");
        }
        return model;
    }

    SamplingSettings sampling(int maxTokens) {
        return new SamplingSettings(maxTokens, real("temperature", 1, 0, 2), real("top_p", 1, 0, 1),
                whole("top_k", 0, 0, Integer.MAX_VALUE), real("min_p", 0, 0, 1), seed());
    }

    void refuseUnsupported() {
        refuse("logit_bias", "a bias on logits");
        for (String name : List.of("frequency_penalty", "presence_penalty")) {
            if (real(name, 0, -2, 2) != 0) {
                mistake(name, "invalid_value", "Penalties are not supported: leave '" + name + "' out.");
            }
        }
    }

    boolean streamUsage() {
        if (given("stream_options") && !flag("stream")) {
            mistake("stream_options", "invalid_value", "'stream_options' needs 'stream': true.");
        }
        return body.path("stream_options").path("include_usage").asBoolean(false);
    }

    List<String> stop() {
        JsonNode stop = body.path("stop");
        List<String> strings = new ArrayList<>();
        if (stop.isTextual()) {
            strings.add(stop.textValue());
        } else if (stop.isArray()) {
            stop.forEach(each -> strings.add(each.isTextual() ? each.textValue() : ""));
        } else if (given("stop")) {
            strings.add("");
        }
        if (strings.contains("") || strings.size() > 16) {
            mistake("stop", "invalid_value", "'stop' must be a string or a list of up to 16 strings, none empty.");
        }
        return strings;
    }

    boolean given(String name) {
        return body.hasNonNull(name);
    }

    boolean flag(String name) {
        if (given(name) && !body.path(name).isBoolean()) {
            mistake(name, "invalid_type", "'" + name + "' must be true or false, not " + body.path(name) + ".");
        }
        return body.path(name).asBoolean(false);
    }

    int whole(String name, int defaultValue, int minimum, int maximum) {
        JsonNode value = body.path(name);
        if (!given(name)) {
            return defaultValue;
        }
        if (!value.isNumber() || value.doubleValue() != Math.rint(value.doubleValue())
                || value.doubleValue() < minimum || value.doubleValue() > maximum) {
            mistake(name, "invalid_value", "'" + name + "' is " + value + " but must be a whole number from "
                    + minimum + " to " + maximum + ".");
            return defaultValue;
        }
        return value.intValue();
    }

    double real(String name, double defaultValue, int minimum, int maximum) {
        JsonNode value = body.path(name);
        if (!given(name)) {
            return defaultValue;
        }
        if (!value.isNumber() || value.doubleValue() < minimum || value.doubleValue() > maximum) {
            mistake(name, "invalid_value", "'" + name + "' is " + value + " but must be a number from " + minimum
                    + " to " + maximum + ".");
            return defaultValue;
        }
        return value.doubleValue();
    }

    private long seed() {
        JsonNode value = body.path("seed");
        if (!given("seed")) {
            return ThreadLocalRandom.current().nextLong();
        }
        if (!value.isIntegralNumber() || !value.canConvertToLong()) {
            mistake("seed", "invalid_type", "'seed' must be a whole number, not " + value + ".");
        }
        return value.longValue();
    }

    void refuse(String name, String what) {
        if (given(name) && (body.path(name).isTextual() || !body.path(name).isEmpty())) {
            mistake(name, "invalid_value", "'" + name + "' is not supported: the server has no " + what + ".");
        }
    }

    void mistake(String name, String code, String message) {
        if (mistakes.size() < MOST_MISTAKES) {
            mistakes.add(new Mistake(name, code, message));
        }
    }

    void throwMistakes() {
        if (!mistakes.isEmpty()) {
            throw new InvalidRequestException(mistakes);
        }
    }

    /** A JSON object as plain values. */
    static Map<String, Object> plain(JsonNode object) {
        return MAPPER.convertValue(object, new TypeReference<Map<String, Object>>() {
        });
    }

    /** Text as JSON; {@code null} when it is none. */
    static @Nullable JsonNode parse(String text) {
        try {
            return MAPPER.readTree(text);
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            return null;
        }
    }
}
