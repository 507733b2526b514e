package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.api.CompletionEndpoint.Call;
import dev.d3s.server.api.CompletionEndpoint.Prompt;
import dev.d3s.server.job.InvalidRequestException;
import dev.d3s.server.job.Mistake;
import dev.d3s.server.job.ModelCatalog;
import dev.d3s.server.job.NotFoundException;
import dev.d3s.server.rollout.SamplingSettings;

/** The JSON of {@code POST /v1/completions}, with every mistake at once. */
record CompletionRequest(Call call, boolean logprobs, boolean echo, boolean stream, boolean streamUsage,
        boolean returnTokenIds) {
    private static final int MOST_PROMPTS = 1024;

    static CompletionRequest read(JsonNode body, ModelCatalog models) {
        return new Reader(body).read(models);
    }

    private static final class Reader {
        private final JsonNode body;
        private final List<Mistake> mistakes = new ArrayList<>();

        Reader(JsonNode body) {
            this.body = body;
        }

        CompletionRequest read(ModelCatalog models) {
            if (!body.isObject()) {
                throw new InvalidRequestException(List.of(
                        new Mistake(null, "invalid_type",
                                "The request must be a JSON object with 'model' and 'prompt'.")));
            }
            String model = body.path("model").asText("");
            if (model.isEmpty()) {
                mistake("model", "missing_required_parameter", "'model' is required: an id from GET /v1/models.");
            }
            List<Prompt> prompts = prompts(body.path("prompt"));
            int n = whole("n", 1, 1, 1024);
            int maxTokens = whole("max_tokens", 16, 1, 1_000_000);
            double temperature = real("temperature", 1, 0, 2);
            double topP = real("top_p", 1, 0, 1);
            int topK = whole("top_k", 0, 0, Integer.MAX_VALUE);
            double minP = real("min_p", 0, 0, 1);
            long seed = seed();
            List<String> stop = stop(body.path("stop"));
            boolean logprobs = given("logprobs")
                    && !(body.path("logprobs").isBoolean() && !body.path("logprobs").booleanValue());
            if (logprobs) {
                whole("logprobs", 0, 0, 5);
            }
            boolean echo = flag("echo");
            if (echo && logprobs) {
                mistake("echo", "invalid_value",
                        "'echo' with 'logprobs' is not supported: prompts are not scored; leave one of them out.");
            }
            if (whole("best_of", n, 1, 1024) != n) {
                mistake("best_of", "invalid_value", "'best_of' is not supported: ask for 'n' and choose yourself.");
            }
            refuse("suffix", "insertion");
            refuse("logit_bias", "a bias on logits");
            if (real("frequency_penalty", 0, -2, 2) != 0 || real("presence_penalty", 0, -2, 2) != 0) {
                mistake("frequency_penalty", "invalid_value",
                        "Penalties are not supported: leave 'frequency_penalty' and 'presence_penalty' out.");
            }
            boolean stream = flag("stream");
            boolean streamUsage = body.path("stream_options").path("include_usage").asBoolean(false);
            boolean returnTokenIds = flag("return_token_ids");
            if (!mistakes.isEmpty()) {
                throw new InvalidRequestException(mistakes);
            }
            Optional<ModelCatalog.Model> found = models.find(model);
            return new CompletionRequest(
                    new Call(model, found.orElseThrow(() -> new NotFoundException("model", model)).directory(), prompts,
                            n, new SamplingSettings(maxTokens, temperature, topP, topK, minP, seed), stop),
                    logprobs, echo, stream, streamUsage, returnTokenIds);
        }

        private List<Prompt> prompts(JsonNode prompt) {
            List<Prompt> prompts = new ArrayList<>();
            if (prompt.isTextual()) {
                prompts.add(new Prompt.Text(prompt.textValue()));
            } else if (prompt.isArray() && !prompt.isEmpty() && allIds(prompt)) {
                prompts.add(tokens(prompt));
            } else if (prompt.isArray()) {
                for (JsonNode each : prompt) {
                    if (each.isTextual()) {
                        prompts.add(new Prompt.Text(each.textValue()));
                    } else if (each.isArray() && !each.isEmpty() && allIds(each)) {
                        prompts.add(tokens(each));
                    } else {
                        mistake("prompt", "invalid_type", "'prompt[" + prompts.size()
                                + "]' must be a string or a list of token ids, not " + each + ".");
                        return List.of(new Prompt.Text(""));
                    }
                }
            }
            if (prompts.isEmpty() || prompts.size() > MOST_PROMPTS) {
                mistake("prompt", prompt.isMissingNode() ? "missing_required_parameter" : "invalid_type",
                        "'prompt' is required: a string, a list of strings, a list of token ids or a list of such lists, "
                                + "at most " + MOST_PROMPTS + ".");
            }
            return prompts;
        }

        private static boolean allIds(JsonNode array) {
            for (JsonNode each : array) {
                if (!each.isIntegralNumber() || !each.canConvertToInt() || each.intValue() < 0) {
                    return false;
                }
            }
            return true;
        }

        private static Prompt tokens(JsonNode array) {
            int[] tokens = new int[array.size()];
            for (int index = 0; index < tokens.length; index++) {
                tokens[index] = array.get(index).intValue();
            }
            return new Prompt.Tokens(tokens);
        }

        private List<String> stop(JsonNode stop) {
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

        private boolean given(String name) {
            return body.hasNonNull(name);
        }

        private boolean flag(String name) {
            if (given(name) && !body.path(name).isBoolean()) {
                mistake(name, "invalid_type", "'" + name + "' must be true or false, not " + body.path(name) + ".");
            }
            return body.path(name).asBoolean(false);
        }

        private int whole(String name, int defaultValue, int minimum, int maximum) {
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

        private double real(String name, double defaultValue, int minimum, int maximum) {
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

        private void refuse(String name, String what) {
            if (given(name) && (body.path(name).isTextual() || !body.path(name).isEmpty())) {
                mistake(name, "invalid_value", "'" + name + "' is not supported: the server has no " + what + ".");
            }
        }

        private void mistake(String name, String code, String message) {
            mistakes.add(new Mistake(name, code, message));
        }
    }
}
