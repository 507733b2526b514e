package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.access.Caller;
import dev.d3s.server.rollout.CompletionRequest;
import dev.d3s.server.rollout.SamplingSettings;

/**
 * The JSON of {@code POST /v1/chat/completions}, with every mistake at once.
 *
 * @param logprobs whether log-probabilities are wanted
 * @param functions names of the tools that the model may call
 * @param oneCall whether it may call one at a time only
 */
record ChatBody(String model, CompletionRequest request, boolean logprobs, boolean stream, boolean streamUsage,
        boolean returnTokenIds, Set<String> functions, boolean oneCall) {
    /** Longest answer when the client names no limit: a slot is as long as prompt and limit. */
    static final int DEFAULT_MAX_TOKENS = 4096;
    private static final Set<String> MEMBERS = Set.of("messages", "tools", "tool_choice", "parallel_tool_calls",
            "response_format", "max_completion_tokens", "top_logprobs", "chat_template_kwargs", "modalities");
    private static final Set<String> ROLES = Set.of("system", "developer", "user", "assistant", "tool");

    static ChatBody read(JsonNode body, Caller caller, ServedModels models) {
        return new Reader(body).read(caller, models);
    }

    private static final class Reader extends SamplingReader {
        Reader(JsonNode body) {
            super(body, "model", "messages");
        }

        ChatBody read(Caller caller, ServedModels models) {
            refuseUnknown(MEMBERS);
            String model = model();
            List<Map<String, Object>> messages = messages(body.path("messages"));
            Set<String> functions = new java.util.LinkedHashSet<>();
            List<Map<String, Object>> tools = tools(functions);
            int n = whole("n", 1, 1, 128);
            if (given("max_tokens") && given("max_completion_tokens")) {
                mistake("max_tokens", "invalid_value",
                        "'max_tokens' is the old name of 'max_completion_tokens': send one of them.");
            }
            int maxTokens = whole(given("max_completion_tokens") ? "max_completion_tokens" : "max_tokens",
                    DEFAULT_MAX_TOKENS, 1, 1_000_000);
            boolean logprobs = flag("logprobs");
            int likeliest = whole("top_logprobs", 0, 0, 20);
            if (likeliest > 0 && !logprobs) {
                mistake("top_logprobs", "invalid_value", "'top_logprobs' needs 'logprobs': true.");
            }
            JsonNode format = body.path("response_format").path("type");
            if (given("response_format") && !format.asText().equals("text")) {
                mistake("response_format", "invalid_value", "'response_format' " + format
                        + " is not supported: the server does not constrain what is generated, so it has only"
                        + " {\"type\": \"text\"}.");
            }
            for (JsonNode modality : body.path("modalities")) {
                if (!modality.asText().equals("text")) {
                    mistake("modalities", "invalid_value", "Models here write text only, not " + modality + ".");
                }
            }
            List<String> stop = stop();
            refuseUnsupported();
            if (given("chat_template_kwargs") && !body.path("chat_template_kwargs").isObject()) {
                mistake("chat_template_kwargs", "invalid_type",
                        "'chat_template_kwargs' must be an object: variables of the model's chat template.");
            }
            boolean stream = flag("stream");
            boolean streamUsage = streamUsage();
            boolean returnTokenIds = flag("return_token_ids");
            boolean oneCall = given("parallel_tool_calls") && !flag("parallel_tool_calls");
            SamplingSettings sampling = sampling(maxTokens);
            throwMistakes();
            Map<String, Object> variables = given("chat_template_kwargs")
                    ? plain(body.path("chat_template_kwargs"))
                    : Map.of();
            variables.values().removeIf(java.util.Objects::isNull);
            return new ChatBody(model,
                    new CompletionRequest(models.source(caller, model),
                            List.of(new CompletionRequest.Prompt.Chat(messages, tools, variables)), n, sampling, stop,
                            likeliest, false),
                    logprobs, stream, streamUsage, returnTokenIds, functions, oneCall);
        }

        private List<Map<String, Object>> messages(JsonNode given) {
            List<Map<String, Object>> messages = new ArrayList<>();
            if (!given.isArray() || given.isEmpty()) {
                mistake("messages", given.isMissingNode() ? "missing_required_parameter" : "invalid_type",
                        "'messages' is required: a list of messages such as {\"role\": \"user\", \"content\": \"...\"}.");
                return messages;
            }
            for (int i = 0; i < given.size(); i++) {
                messages.add(message("messages[" + i + "]", given.get(i)));
            }
            return messages;
        }

        private Map<String, Object> message(String path, JsonNode message) {
            if (!message.isObject()) {
                mistake(path, "invalid_type", "'" + path + "' must be an object with 'role' and 'content'.");
                return Map.of();
            }
            Map<String, Object> plain = new LinkedHashMap<>(plain(message));
            String role = message.path("role").asText();
            if (!ROLES.contains(role)) {
                mistake(path + ".role", "invalid_value", "'" + path + ".role' is " + message.path("role")
                        + " but must be system, developer, user, assistant or tool.");
            }
            // Templates know the older word.
            plain.put("role", role.equals("developer") ? "system" : role);
            JsonNode content = message.path("content");
            if (content.isArray()) {
                StringBuilder text = new StringBuilder();
                for (int j = 0; j < content.size(); j++) {
                    JsonNode part = content.get(j);
                    if (!part.path("type").asText().equals("text") || !part.path("text").isTextual()) {
                        mistake(path + ".content[" + j + "]", "invalid_value", "'" + path + ".content[" + j
                                + "]' has type " + part.path("type") + ": only {\"type\": \"text\", \"text\": \"...\"}"
                                + " is supported.");
                    }
                    text.append(part.path("text").asText());
                }
                plain.put("content", text.toString());
            } else if (!content.isTextual()) {
                if (role.equals("assistant") && message.path("tool_calls").size() > 0
                        && (content.isNull() || content.isMissingNode())) {
                    plain.put("content", "");
                } else {
                    mistake(path + ".content", "invalid_type",
                            "'" + path + ".content' must be text or a list of text parts.");
                }
            }
            if (message.hasNonNull("tool_calls")) {
                plain.put("tool_calls", calls(path + ".tool_calls", message.path("tool_calls")));
            }
            plain.values().removeIf(java.util.Objects::isNull);
            return plain;
        }

        /** With arguments as objects, which templates write out themselves. */
        private List<Map<String, Object>> calls(String path, JsonNode given) {
            List<Map<String, Object>> calls = new ArrayList<>();
            for (int i = 0; i < given.size(); i++) {
                JsonNode function = given.path(i).path("function");
                JsonNode arguments = function.path("arguments");
                JsonNode read = arguments.isTextual() ? parse(arguments.textValue()) : arguments;
                if (!function.path("name").isTextual() || read == null || !read.isObject()) {
                    mistake(path + "[" + i + "].function", "invalid_value", "'" + path + "[" + i
                            + "].function' needs a 'name', and 'arguments' that are a JSON object in a string.");
                    continue;
                }
                Map<String, Object> call = new LinkedHashMap<>(plain(given.get(i)));
                call.put("function", Map.of("name", function.path("name").textValue(), "arguments", plain(read)));
                calls.add(call);
            }
            return calls;
        }

        private @Nullable List<Map<String, Object>> tools(Set<String> functions) {
            JsonNode choice = body.path("tool_choice");
            if (given("tool_choice") && !Set.of("auto", "none").contains(choice.asText())) {
                mistake("tool_choice", "invalid_value",
                        "'tool_choice' is " + choice + " but may be \"auto\" or \"none\":"
                                + " the server does not constrain what is generated, so it cannot force a call.");
            }
            JsonNode given = body.path("tools");
            if (!given("tools")) {
                return null;
            }
            if (!given.isArray()) {
                mistake("tools", "invalid_type", "'tools' must be a list of functions.");
                return null;
            }
            List<Map<String, Object>> tools = new ArrayList<>();
            for (int i = 0; i < given.size(); i++) {
                JsonNode tool = given.get(i);
                if (!tool.path("type").asText().equals("function") || !tool.path("function").path("name").isTextual()) {
                    mistake("tools[" + i + "]", "invalid_value", "'tools[" + i + "]' must be {\"type\": \"function\","
                            + " \"function\": {\"name\": ..., \"parameters\": {...}}}.");
                    continue;
                }
                functions.add(tool.path("function").path("name").textValue());
                tools.add(plain(tool));
            }
            if (choice.asText().equals("none") || tools.isEmpty()) {
                functions.clear();
                return null;
            }
            return tools;
        }
    }
}
