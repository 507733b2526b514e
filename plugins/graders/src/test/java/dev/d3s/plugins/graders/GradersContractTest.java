package dev.d3s.plugins.graders;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.plugins.testkit.RewardFunctionContract;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/** Every one that {@link GradersPlugin} offers keeps its contract. */
@ParameterizedClass
@MethodSource("factories")
class GradersContractTest extends RewardFunctionContract {
    /** Gives each rollout the length of its completion. */
    private static final StubService SERVICE = service();

    private final RewardFunctionFactory factory;

    GradersContractTest(RewardFunctionFactory factory) {
        this.factory = factory;
    }

    static List<RewardFunctionFactory> factories() {
        return new GradersPlugin().rewardFunctions();
    }

    private static StubService service() {
        try {
            return new StubService(request -> StubService.Answer.of(request.rollouts()
                .stream()
                .map(rollout -> "{\"reward\": " + String.valueOf(Members.of(rollout).get("completion")).length() + "}")
                .collect(Collectors.joining(",", "{\"results\": [", "]}"))));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @AfterAll
    static void close() {
        SERVICE.close();
    }

    @Override
    protected RewardFunctionFactory factory() {
        return factory;
    }

    @Override
    protected GraderServices services() {
        return Services.simple();
    }

    @Override
    protected Map<String, Object> config() {
        Map<String, Object> texts = Map.of("input", "{{sample.output_text}}", "reference", "{{item.answer}}");
        return switch (factory.name()) {
            case "string_check" -> with(texts, "operation", "eq");
            case "text_similarity" -> with(texts, "evaluation_metric", "bleu");
            case "multi" -> Map.of("graders",
                    Map.of("exact", with(with(texts, "operation", "ilike"), "type", "string_check"), "length",
                            Map.of("type", "length", "maximum", 100)),
                    "calculate_output", "exact + 0.1 * length");
            case "score_model" -> Map.of("model", "judge", "input", "Rate {{sample.output_text}}");
            case "http" -> Map.of("url", SERVICE.url(), "batch_wait_ms", 0.0);
            case "format" -> Map.of("tags", List.of("think", "answer"));
            case "length" -> Map.of("maximum", 100);
            default -> super.config();
        };
    }

    /** Limits at their ends are for their own tests, with services that need them. */
    @Override
    protected List<Map<String, Object>> configurations() {
        return switch (factory.name()) {
            case "http" -> List.of(config(), with(config(), "concurrency", 1L), with(config(), "batch_size", 1L));
            case "score_model" -> List.of(config(), with(config(), "outside_range", "reject"));
            default -> super.configurations();
        };
    }

    private static Map<String, Object> with(Map<String, Object> config, String key, Object value) {
        Map<String, Object> more = new LinkedHashMap<>(config);
        more.put(key, value);
        return more;
    }

    /** With a number of tokens, as in training. */
    @Override
    protected List<RewardInput> rollouts() {
        List<RewardInput> rollouts = new ArrayList<>();
        for (RewardInput rollout : super.rollouts()) {
            rollouts.add(new RewardInput(rollout.prompt(), rollout.completion(), rollout.truncated(), rollout.item(),
                    rollout.completion().length() / 3));
        }
        return rollouts;
    }
}
