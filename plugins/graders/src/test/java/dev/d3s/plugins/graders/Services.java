package dev.d3s.plugins.graders;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.ModelCompletion;
import dev.d3s.spi.ModelRequest;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;

/** What a server does for graders, with the graders of this module, a model that a test scripts, and loopback allowed. */
final class Services implements GraderServices {
    private final Function<ModelRequest, String> model;

    Services(Function<ModelRequest, String> model) {
        this.model = model;
    }

    /** Whose model says nothing but a score. */
    static Services simple() {
        return new Services(request -> "{\"result\": 0.5}");
    }

    static RewardFunction make(RewardFunctionFactory factory, Map<String, ?> config, GraderServices services) {
        return factory.create(PluginConfig.of(factory.configKeys(), config), services);
    }

    @Override
    public RewardFunction grader(String path, Map<String, ?> members) {
        Map<String, Object> options = new LinkedHashMap<>(members);
        Object type = options.remove("type");
        try {
            return make(new GradersPlugin().rewardFunctions()
                .stream()
                .filter(factory -> factory.name().equals(type))
                .findFirst()
                .orElseThrow(() -> new InvalidConfigException(
                        List.of(new ConfigProblem("type", "There is no grader '" + type + "'.")))),
                    options, this);
        } catch (InvalidConfigException e) {
            throw new InvalidConfigException(e.problems()
                .stream()
                .map(problem -> new ConfigProblem(path + "." + problem.key(), problem.message()))
                .toList());
        }
    }

    @Override
    public @Nullable String modelProblem(String id) {
        return id.equals("judge") ? null : "There is no model '" + id + "'; known models: judge.";
    }

    @Override
    public ModelCompletion complete(ModelRequest request) {
        return new ModelCompletion(model.apply(request), false, 1, 1);
    }

    @Override
    public boolean mayReachInternal(String host, int port) {
        return host.equals("127.0.0.1");
    }
}
