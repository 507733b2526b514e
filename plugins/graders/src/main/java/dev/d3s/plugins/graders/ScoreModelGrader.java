package dev.d3s.plugins.graders;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.function.UnaryOperator;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.ModelRequest;
import dev.d3s.spi.ModelRequest.Message;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/**
 * {@code score_model}, in OpenAI's format: asks a model for a score. The model is one of this server, or of a server that
 * speaks OpenAI's chat completions. Thread-safe; callers wait on their own threads.
 */
final class ScoreModelGrader implements RewardFunction {
    /** Renders one message of the judge's prompt. */
    private record MessageTemplate(String role, Template content) {}

    /** Asks the model and returns its text. */
    @FunctionalInterface
    private interface Judge {
        String ask(List<Message> messages) throws InterruptedException;
    }

    private final List<MessageTemplate> input;
    private final Judge judge;
    private final ModelScore score;
    private final Semaphore permits;
    private final @Nullable HttpExchange exchange;

    private ScoreModelGrader(List<MessageTemplate> input, Judge judge, ModelScore score, int concurrency,
            @Nullable HttpExchange exchange) {
        this.input = input;
        this.judge = judge;
        this.score = score;
        this.permits = new Semaphore(concurrency);
        this.exchange = exchange;
    }

    @Override
    public double score(RewardInput rollout) throws InterruptedException {
        List<Message> messages = input.stream()
            .map(message -> new Message(message.role(), message.content().render(rollout)))
            .toList();
        permits.acquire();
        try {
            return score.of(judge.ask(messages));
        } finally {
            permits.release();
        }
    }

    @Override
    public void close() {
        if (exchange != null) {
            exchange.close();
        }
    }

    /** How the judge samples; null where the job leaves it to the model's server. */
    private record Sampling(@Nullable Double temperature, @Nullable Double topP, @Nullable Long seed,
            @Nullable Long maxTokens, @Nullable String reasoningEffort) {
        static Sampling of(Map<?, ?> given, List<ConfigProblem> problems) {
            Members members = new Members("sampling_params", given, problems);
            Double temperature = members.real("temperature", 0, 2);
            Double topP = members.real("top_p", 0, 1);
            Long seed = members.whole("seed", Long.MIN_VALUE, Long.MAX_VALUE);
            Long maxTokens = members.whole("max_completions_tokens", 1, 1_000_000);
            String effort = members.text("reasoning_effort");
            members.finish();
            return new Sampling(temperature, topP, seed, maxTokens, effort);
        }
    }

    private static String remote(HttpExchange exchange, String model, Sampling sampling, @Nullable String key,
            List<Message> messages) throws InterruptedException {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("model", model);
        body.put("messages",
                messages.stream()
                    .map(message -> Map.of("role", message.role(), "content", message.content()))
                    .toList());
        putIfGiven(body, "temperature", sampling.temperature());
        putIfGiven(body, "top_p", sampling.topP());
        putIfGiven(body, "seed", sampling.seed());
        putIfGiven(body, "max_completion_tokens", sampling.maxTokens());
        putIfGiven(body, "reasoning_effort", sampling.reasoningEffort());
        String answer = exchange.post(Json.write(body),
                now -> key == null ? Map.of() : Map.of("Authorization", "Bearer " + key));
        Object read;
        try {
            read = Json.read(answer);
        } catch (IOException e) {
            throw new D3sException(ErrorCategory.EXTERNAL, "service_broke_format",
                    "The model's server answered with something that is not JSON: "
                            + HttpExchange.shortened(answer),
                    e);
        }
        if (Members.of(read).get("choices") instanceof List<?> choices && !choices.isEmpty()
                && Members.of(Members.of(choices.getFirst()).get("message")).get("content") instanceof String text) {
            return text;
        }
        throw new D3sException(ErrorCategory.EXTERNAL, "service_broke_format",
                "The model's server answered without choices[0].message.content: " + HttpExchange.shortened(answer));
    }

    private static void putIfGiven(Map<String, Object> body, String name, @Nullable Object value) {
        if (value != null) {
            body.put(name, value);
        }
    }

    static final class Factory implements RewardFunctionFactory {
        private static final Set<String> ROLES = Set.of("system", "developer", "user", "assistant");
        private static final Set<String> TEXTS = Set.of("text", "input_text", "output_text");

        private final UnaryOperator<@Nullable String> environment;

        Factory() {
            this(System::getenv);
        }

        Factory(UnaryOperator<@Nullable String> environment) {
            this.environment = environment;
        }

        @Override
        public String name() {
            return "score_model";
        }

        @Override
        public String description() {
            return "The score that a model gives, of this server or of another one (OpenAI's score_model).";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(new ConfigKey.Text("name", "score_model", "label of this grader, free to choose"),
                    new ConfigKey.Text("model", null,
                            "id of the model, from GET /v1/models or of the server at 'base_url'"),
                    ConfigKey.Json.of("input", null,
                            "messages with 'role' and 'content', whose texts are templates; or one template", "array",
                            "string"),
                    ConfigKey.Json.of("sampling_params", Map.of(),
                            "temperature, top_p, seed, max_completions_tokens, reasoning_effort", "object"),
                    new ConfigKey.Json("range", List.of(0, 1),
                            Map.of("type", "array", "items", Map.of("type", "number"), "minItems", 2, "maxItems", 2),
                            "smallest and largest score"),
                    new ConfigKey.Choice("outside_range", "clamp", List.of("clamp", "reject"),
                            "what becomes of a score outside: the nearer end, or no reward"),
                    new ConfigKey.Text("base_url", "",
                            "of an OpenAI-compatible server, such as https://api.openai.com/v1; empty: this server"),
                    new ConfigKey.Text("api_key_env", "",
                            "environment variable of the server, D3S_GRADER_..., whose value is sent as API key"),
                    new ConfigKey.Whole("concurrency", 16L, 1, 256, "most questions at once"),
                    new ConfigKey.Real("timeout_seconds", 60.0, 0, true, 3600,
                            "limit of one attempt at another server, in seconds"),
                    new ConfigKey.Whole("retries", 3L, 0, 10, "attempts after the first one at another server"),
                    new ConfigKey.Real("backoff_ms", 500.0, 0, true, 30_000,
                            "pause before the second attempt, in milliseconds; it doubles from one to the next"));
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            return create(config, GraderServices.none());
        }

        @Override
        public RewardFunction create(PluginConfig config, GraderServices services) {
            List<ConfigProblem> problems = new ArrayList<>();
            List<MessageTemplate> input = messages(config.json("input"), problems);
            Sampling sampling = Sampling.of((Map<?, ?>) config.json("sampling_params"), problems);
            ModelScore score = ModelScore.of((List<?>) config.json("range"),
                    config.text("outside_range").equals("clamp"), problems);
            String model = config.text("model");
            int concurrency = (int) config.whole("concurrency");
            if (config.text("base_url").isEmpty()) {
                return local(model, config, services, sampling, input, score, concurrency, problems);
            }
            Endpoint endpoint = Endpoint.of("base_url", config.text("base_url"), services, problems);
            String key = endpoint == null
                    ? null
                    : endpoint.secret("api_key_env", config.text("api_key_env"), environment, problems);
            if (endpoint == null || score == null || !problems.isEmpty()) {
                throw new InvalidConfigException(problems);
            }
            HttpExchange exchange = new HttpExchange(services, endpoint.resolve("/chat/completions"),
                    new HttpExchange.Patience(Duration.ofNanos(Math.round(config.real("timeout_seconds") * 1e9)),
                            (int) config.whole("retries"),
                            Duration.ofNanos(Math.round(config.real("backoff_ms") * 1e6))));
            return new ScoreModelGrader(input, messages -> remote(exchange, model, sampling, key, messages), score,
                    concurrency, exchange);
        }

        private static RewardFunction local(String model, PluginConfig config, GraderServices services,
                Sampling sampling, List<MessageTemplate> input, @Nullable ModelScore score, int concurrency,
                List<ConfigProblem> problems) {
            String problem = services.modelProblem(model);
            if (problem != null) {
                problems.add(new ConfigProblem("model", problem));
            }
            if (!config.text("api_key_env").isEmpty()) {
                problems.add(new ConfigProblem("api_key_env",
                        "'api_key_env' is for another server: give its 'base_url', or leave it out."));
            }
            if (sampling.reasoningEffort() != null) {
                problems.add(new ConfigProblem("sampling_params.reasoning_effort",
                        "'sampling_params.reasoning_effort' is for another server; leave it out."));
            }
            if (score == null || !problems.isEmpty()) {
                throw new InvalidConfigException(problems);
            }
            double temperature = sampling.temperature() == null ? 0 : sampling.temperature();
            double topP = sampling.topP() == null ? 1 : sampling.topP();
            int maxTokens = sampling.maxTokens() == null ? 512 : Math.toIntExact(sampling.maxTokens());
            return new ScoreModelGrader(input,
                    messages -> services
                        .complete(
                                new ModelRequest(model, messages, null, maxTokens, temperature, topP, sampling.seed()))
                        .text(),
                    score, concurrency, null);
        }

        private static List<MessageTemplate> messages(Object given, List<ConfigProblem> problems) {
            List<MessageTemplate> messages = new ArrayList<>();
            if (given instanceof String text) {
                message("user", "input", text, messages, problems);
                return messages;
            }
            List<?> list = (List<?>) given;
            if (list.isEmpty()) {
                problems.add(new ConfigProblem("input", "'input' is empty but must have at least one message."));
            }
            for (int i = 0; i < list.size(); i++) {
                String path = "input." + i;
                Map<String, Object> members = Members.of(list.get(i));
                if (!(members.get("role") instanceof String role) || !ROLES.contains(role)) {
                    problems.add(new ConfigProblem(path + ".role", "'" + path
                            + ".role' must be one of assistant, developer, system, user."));
                    continue;
                }
                String text = text(members.get("content"));
                if (text == null) {
                    problems.add(new ConfigProblem(path + ".content", "'" + path
                            + ".content' must be a text, or {\"type\": \"input_text\", \"text\": ...}; images and sounds are not supported."));
                } else {
                    message(role, path + ".content", text, messages, problems);
                }
            }
            return messages;
        }

        private static void message(String role, String path, String text, List<MessageTemplate> messages,
                List<ConfigProblem> problems) {
            try {
                messages.add(new MessageTemplate(role, Template.of(path, text)));
            } catch (InvalidConfigException e) {
                problems.addAll(e.problems());
            }
        }

        /** A text, a part with a text, or a list of such; null for anything else. */
        private static @Nullable String text(@Nullable Object content) {
            return switch (content) {
                case String text -> text;
                case Map<?, ?> part when part.get("text") instanceof String text
                        && part.get("type") instanceof String type && TEXTS.contains(type) ->
                    text;
                case List<?> parts when !parts.isEmpty() -> texts(parts);
                case null, default -> null;
            };
        }

        private static @Nullable String texts(List<?> parts) {
            StringBuilder all = new StringBuilder();
            for (Object part : parts) {
                String text = part instanceof List<?> ? null : text(part);
                if (text == null) {
                    return null;
                }
                all.append(text);
            }
            return all.toString();
        }
    }
}
