package dev.d3s.server.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.Grade;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.ModelCompletion;
import dev.d3s.spi.ModelRequest;
import dev.d3s.spi.Plugin;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

class NestedGradersTest {
    private static final RewardInput INPUT = new RewardInput("prompt", "completion", false, Map.of());

    private final AtomicInteger open = new AtomicInteger();

    /** Gives a constant, and counts how many of it are open. */
    private RewardFunction constant(double value) {
        open.incrementAndGet();
        return new RewardFunction() {
            @Override
            public double score(RewardInput input) {
                return value;
            }

            @Override
            public void close() {
                open.decrementAndGet();
            }
        };
    }

    /** Adds up graders inside it. */
    private static final class Sum implements RewardFunctionFactory {
        @Override
        public String name() {
            return "sum";
        }

        @Override
        public String description() {
            return "The sum of others.";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(ConfigKey.Json.of("of", null, "what to add up", "array"));
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            return create(config, GraderServices.none());
        }

        @Override
        public RewardFunction create(PluginConfig config, GraderServices services) {
            List<RewardFunction> inside = new ArrayList<>();
            List<ConfigProblem> problems = new ArrayList<>();
            List<?> of = (List<?>) config.json("of");
            for (int i = 0; i < of.size(); i++) {
                try {
                    inside.add(services.grader("of." + i, members(of.get(i))));
                } catch (InvalidConfigException e) {
                    problems.addAll(e.problems());
                }
            }
            if (!problems.isEmpty()) {
                throw new InvalidConfigException(problems);
            }
            return new RewardFunction() {
                @Override
                public double score(RewardInput input) throws Exception {
                    return grade(input).reward();
                }

                @Override
                public Grade grade(RewardInput input) throws Exception {
                    double sum = 0;
                    for (RewardFunction one : inside) {
                        sum += one.score(input);
                    }
                    return new Grade(sum, Map.of("terms", (double) inside.size()));
                }

                @Override
                public void close() {
                    inside.forEach(RewardFunction::close);
                }
            };
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, ?> members(Object object) {
        return (Map<String, ?>) object;
    }

    private PluginRegistry registry(Plugin... more) {
        List<Plugin> plugins = new ArrayList<>(List.of(
                new Plugins().rewardFunction("constant", List.of(new ConfigKey.Real("value", null, 0, false, 9, "it")),
                        config -> constant(config.real("value"))),
                new Plugin() {
                    @Override
                    public List<RewardFunctionFactory> rewardFunctions() {
                        return List.of(new Sum());
                    }
                }));
        plugins.addAll(List.of(more));
        return new PluginRegistry(plugins);
    }

    private static Map<String, Object> constantOf(Object value) {
        return Map.of("type", "constant", "value", value);
    }

    private static Map<String, Object> sumOf(Object... inside) {
        return Map.of("type", "sum", "name", "a label", "of", List.of(inside));
    }

    private static Map<String, Object> options(Object... inside) {
        return Map.of("of", List.of(inside));
    }

    private static List<ConfigProblem> problems(PluginRegistry registry, Map<String, Object> options) {
        try {
            registry.rewardFunction("sum", options).close();
            return List.of();
        } catch (InvalidConfigException e) {
            return e.problems();
        }
    }

    @Test
    void shouldMakeGradersInsideOthers() throws Exception {
        RewardFunction grader = registry().rewardFunction("sum",
                options(constantOf(1), sumOf(constantOf(2.5), constantOf(3))));
        assertThat(grader.score(INPUT)).isEqualTo(6.5);
        assertThat(grader.grade(INPUT).parts()).containsExactly(Map.entry("terms", 2.0));
        assertThat(open).hasValue(3);
        grader.close();
        assertThat(open).hasValue(0);
    }

    @Test
    void shouldNameThePathOfEveryMistakeAndCloseWhatWasMade() {
        List<ConfigProblem> problems = problems(registry(), options(constantOf(1), constantOf(10),
                sumOf(Map.of("type", "constant", "valeu", 1), Map.of("type", "vibes"), Map.of("value", 1)),
                Map.of("type", "python")));
        assertThat(problems).extracting(ConfigProblem::key)
            .containsExactly("of.1.value", "of.2.of.0.valeu", "of.2.of.0.value", "of.2.of.1.type", "of.2.of.2.type",
                    "of.3.type");
        assertThat(problems).extracting(ConfigProblem::message)
            .containsExactly("In 'of.1': Key 'value' is 10 but must be a number from 0.0 to 9.0.",
                    "In 'of.2.of.0': Unknown key 'valeu'; known keys: value.",
                    "In 'of.2.of.0': Key 'value' is required: it.",
                    "In 'of.2.of.1': There is no grader 'vibes'; known: constant, sum.",
                    "In 'of.2.of.2': A grader is an object with a 'type', the name of a grader, and its options.",
                    "In 'of.3': Graders of type 'python' are refused: this server runs no Python. Put the reward behind"
                            + " a URL for a grader of type 'http', or write it as a plugin in Java.");
        assertThat(open).hasValue(0);
    }

    @Test
    void shouldBoundDepthAndNumber() {
        Map<String, Object> deepest = constantOf(1);
        for (int depth = 2; depth < NestedGraders.MAXIMUM_DEPTH; depth++) {
            deepest = sumOf(deepest);
        }
        assertThat(problems(registry(), options(deepest))).isEmpty();
        assertThat(problems(registry(), options(sumOf(deepest)))).singleElement()
            .extracting(ConfigProblem::message)
            .asString()
            .endsWith("Graders are nested more than 8 deep; combine them in one.");
        Object[] many = IntStream.range(1, NestedGraders.MAXIMUM_GRADERS).mapToObj(i -> constantOf(1)).toArray();
        assertThat(problems(registry(), options(many))).isEmpty();
        assertThat(problems(registry(), options(sumOf(many)))).singleElement()
            .extracting(ConfigProblem::message)
            .asString()
            .contains("at most 64 graders");
        assertThat(open).hasValue(0);
    }

    @Test
    void shouldNotTakeAFaultOfAPluginForAMistakeOfTheJob() {
        PluginRegistry registry = registry(new Plugins().rewardFunction("broken", List.of(), config -> {
            throw new IllegalStateException("no licence");
        }));
        assertThatThrownBy(() -> registry.rewardFunction("sum", options(constantOf(1), Map.of("type", "broken"))))
            .asInstanceOf(type(D3sException.class))
            .satisfies(e -> {
                assertThat(e.code()).isEqualTo("plugin_failed");
                assertThat(e.text()).contains("Grader 'sum': Grader 'broken' failed: ", "no licence");
            });
        assertThat(open).hasValue(0);
    }

    /** Says what it can reach. */
    private static final class Probe implements RewardFunctionFactory {
        @Override
        public String name() {
            return "probe";
        }

        @Override
        public String description() {
            return "What the services say.";
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            throw new IllegalStateException("made without services");
        }

        @Override
        public RewardFunction create(PluginConfig config, GraderServices services) {
            if (services.modelProblem("judge") != null) {
                throw new InvalidConfigException(
                        List.of(new ConfigProblem("model", String.valueOf(services.modelProblem("judge")))));
            }
            return input -> services
                .complete(new ModelRequest("judge", List.of(), input.prompt(), 9, 0, 1, null))
                .completionTokens() + (services.mayReachInternal("LocalHost", 8000) ? 0.5 : 0)
                    + (services.mayReachInternal("localhost", 8001) ? 0.25 : 0);
        }
    }

    private static final Plugin PROBES = new Plugin() {
        @Override
        public List<RewardFunctionFactory> rewardFunctions() {
            return List.of(new Probe());
        }
    };

    @Test
    void shouldOfferModelsAndAllowedAddresses() throws Exception {
        GraderModels models = new GraderModels() {
            @Override
            public @Nullable String problem(String organization, String model) {
                return model.equals("judge") ? null : "There is only the judge.";
            }

            @Override
            public ModelCompletion complete(String organization, ModelRequest request) {
                return new ModelCompletion("fine", false, 3, 7);
            }
        };
        try (PluginRegistry registry = new PluginRegistry(List.of(PROBES), Duration.ofSeconds(30), models,
                Set.of("localhost:8000")); RewardFunction probe = registry.rewardFunction("probe", Map.of())) {
            assertThat(probe.score(INPUT)).isEqualTo(7.5);
        }
    }

    @Test
    void shouldRefuseModelsWhereThereAreNone() {
        try (PluginRegistry registry = new PluginRegistry(List.of(PROBES))) {
            assertThatThrownBy(() -> registry.rewardFunction("probe", Map.of()))
                .isInstanceOf(InvalidConfigException.class)
                .hasMessageContaining("Graders can sample no model of this server, not even 'judge'");
        }
        assertThatThrownBy(
                () -> GraderModels.none().complete("d3s", new ModelRequest("x", List.of(), "p", 1, 0, 1, null)))
            .asInstanceOf(type(D3sException.class))
            .extracting(D3sException::code)
            .isEqualTo("no_model_service");
    }
}
