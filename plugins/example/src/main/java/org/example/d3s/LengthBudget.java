package org.example.d3s;

import java.util.List;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/**
 * 1 for a completion within its budget of characters, then falling in a straight line to 0. A row of the training file may
 * have a budget of its own. It keeps nothing between calls, so any number of threads can use it.
 */
final class LengthBudget implements RewardFunction {
    private final long characters;
    private final double tolerance;
    private final String member;

    LengthBudget(long characters, double tolerance, String member) {
        this.characters = characters;
        this.tolerance = tolerance;
        this.member = member;
    }

    // region score
    @Override
    public double score(RewardInput rollout) {
        double budget = budget(rollout);
        double excess = rollout.completion().length() / budget - 1;
        return excess <= 0 ? 1 : tolerance == 0 ? 0 : Math.max(0, 1 - excess / tolerance);
    }

    private double budget(RewardInput rollout) {
        return switch (rollout.item().get(member)) {
            case null -> characters;
            case Number own when own.doubleValue() > 0 -> own.doubleValue();
            case Object other -> throw new D3sException(ErrorCategory.USER, "budget_not_positive",
                    "The row's '" + member + "' is " + other + ", but a budget is a number of characters above 0.");
        };
    }
    // endregion

    static final class Factory implements RewardFunctionFactory {
        @Override
        public String name() {
            return "length-budget";
        }

        @Override
        public String description() {
            return "1 within a budget of characters, then falling to 0.";
        }

        // region configuration
        @Override
        public List<ConfigKey> configKeys() {
            return List.of(new ConfigKey.Whole("characters", 200L, 1, 1_000_000, "the budget of a row without one"),
                    new ConfigKey.Real("tolerance", 1.0, 0, false, 100, "excess that gets 0, as a share of the budget"),
                    new ConfigKey.Text("member", "budget", "the member of a row that holds a budget of its own"));
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            String member = config.text("member");
            if (member.isBlank()) {
                throw new InvalidConfigException(List.of(new ConfigProblem("member",
                        "Key 'member' is empty but must name a member of the training file's rows.")));
            }
            return new LengthBudget(config.whole("characters"), config.real("tolerance"), member);
        }
        // endregion
    }
}
