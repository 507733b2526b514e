package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.access.Caller;
import dev.d3s.server.rollout.CompletionRequest;
import dev.d3s.server.rollout.CompletionRequest.Prompt;
import dev.d3s.server.rollout.SamplingSettings;

/**
 * The JSON of {@code POST /v1/completions}, with every mistake at once.
 *
 * @param logprobs whether log-probabilities are wanted
 */
record CompletionBody(String model, CompletionRequest request, boolean logprobs, boolean echo, boolean stream,
        boolean streamUsage, boolean returnTokenIds) {
    private static final int MOST_PROMPTS = 1024;
    private static final Set<String> MEMBERS = Set.of("prompt", "echo", "best_of", "suffix");

    static CompletionBody read(JsonNode body, Caller caller, ServedModels models) {
        return new Reader(body).read(caller, models);
    }

    private static final class Reader extends SamplingReader {
        Reader(JsonNode body) {
            super(body, "model", "prompt");
        }

        CompletionBody read(Caller caller, ServedModels models) {
            refuseUnknown(MEMBERS);
            String model = model();
            List<Prompt> prompts = prompts(body.path("prompt"));
            int n = whole("n", 1, 1, 1024);
            boolean echo = flag("echo");
            boolean logprobs = given("logprobs")
                    && !(body.path("logprobs").isBoolean() && !body.path("logprobs").booleanValue());
            int likeliest = logprobs ? whole("logprobs", 0, 0, 20) : 0;
            // With echo a prompt can be scored without generating anything.
            int maxTokens = whole("max_tokens", 16, echo ? 0 : 1, 1_000_000);
            SamplingSettings sampling = sampling(maxTokens);
            List<String> stop = stop();
            if (whole("best_of", n, 1, 1024) != n) {
                mistake("best_of", "invalid_value", "'best_of' is not supported: ask for 'n' and choose yourself.");
            }
            refuse("suffix", "insertion");
            refuseUnsupported();
            boolean stream = flag("stream");
            boolean streamUsage = streamUsage();
            boolean returnTokenIds = flag("return_token_ids");
            throwMistakes();
            return new CompletionBody(model,
                    new CompletionRequest(models.source(caller, model), prompts, n, sampling, stop, likeliest,
                            echo && logprobs),
                    logprobs,
                    echo, stream, streamUsage, returnTokenIds);
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
    }
}
