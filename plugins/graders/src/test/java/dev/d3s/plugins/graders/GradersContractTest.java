package dev.d3s.plugins.graders;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.plugins.testkit.RewardFunctionContract;
import dev.d3s.spi.RewardFunctionFactory;

/** Every one that {@link GradersPlugin} offers keeps its contract. */
@ParameterizedClass
@MethodSource("factories")
class GradersContractTest extends RewardFunctionContract {
    private final RewardFunctionFactory factory;

    GradersContractTest(RewardFunctionFactory factory) {
        this.factory = factory;
    }

    static List<RewardFunctionFactory> factories() {
        return new GradersPlugin().rewardFunctions();
    }

    @Override
    protected RewardFunctionFactory factory() {
        return factory;
    }

    @Override
    protected Map<String, Object> config() {
        return switch (factory.name()) {
            case "string_check" ->
                Map.of("input", "{{sample.output_text}}", "reference", "{{item.answer}}", "operation",
                        "eq");
            default -> super.config();
        };
    }
}
