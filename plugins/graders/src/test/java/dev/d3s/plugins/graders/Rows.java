package dev.d3s.plugins.graders;

import java.util.Map;

import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/** Graders and what they grade, as a server would make them. */
final class Rows {
    private Rows() {}

    static RewardFunction grader(RewardFunctionFactory factory, Map<String, Object> config) {
        return factory.create(PluginConfig.of(factory.configKeys(), config));
    }

    static RewardInput rollout(String completion, Map<String, Object> item) {
        return new RewardInput("prompt", completion, false, item);
    }
}
