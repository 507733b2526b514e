package dev.d3s.plugins.graders;

import java.util.List;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/**
 * {@code length}: a reward for completions that are not too long, to be combined with others. With p = (length - target) /
 * (maximum - target), clamped to 0 to 1, it is 1 - p, or (1 + cos(pi p)) / 2, or, as the soft overlong punishment of DAPO
 * (arXiv 2503.14476, equation 13, with target = L_max - L_cache), -p. Thread-safe; nothing to close.
 */
final class LengthGrader implements RewardFunction {
    enum Shape {
        LINEAR, COSINE, SOFT_OVERLONG;

        double at(double progress) {
            return switch (this) {
                case LINEAR -> 1 - progress;
                case COSINE -> (1 + Math.cos(Math.PI * progress)) / 2;
                case SOFT_OVERLONG -> progress == 0 ? 0 : -progress; // not -0.0
            };
        }
    }

    private final Shape shape;
    private final boolean tokens;
    private final long target;
    private final long maximum;

    LengthGrader(Shape shape, boolean tokens, long target, long maximum) {
        this.shape = shape;
        this.tokens = tokens;
        this.target = target;
        this.maximum = maximum;
    }

    @Override
    public double score(RewardInput rollout) {
        long length = tokens
                ? rollout.completionTokens()
                : rollout.completion().codePointCount(0, rollout.completion().length());
        if (length == RewardInput.UNKNOWN) {
            throw new D3sException(ErrorCategory.USER, "tokens_unknown",
                    "This text was not generated, so its number of tokens is not known: set 'unit' to characters.");
        }
        return shape.at(Math.clamp((double) (length - target) / (maximum - target), 0, 1));
    }

    static final class Factory implements RewardFunctionFactory {
        @Override
        public String name() {
            return "length";
        }

        @Override
        public String description() {
            return "Less for completions longer than a target, down to a maximum: linear, cosine, or DAPO's penalty.";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(new ConfigKey.Text("name", "length", "label of this grader, free to choose"),
                    new ConfigKey.Choice("shape", "linear", List.of("linear", "cosine", "soft_overlong"),
                            "1 down to 0 in a line or half a cosine; or 0 down to -1"),
                    new ConfigKey.Whole("target", 0L, 0, 10_000_000, "length up to which nothing is lost"),
                    new ConfigKey.Whole("maximum", null, 1, 10_000_000,
                            "length from which on all is lost, above target"),
                    new ConfigKey.Choice("unit", "tokens", List.of("tokens", "characters"), "what is counted"));
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            long target = config.whole("target");
            long maximum = config.whole("maximum");
            if (target >= maximum) {
                throw Members.invalid("maximum",
                        "Key 'maximum' is " + maximum + " but must be above 'target', which is " + target + ".");
            }
            Shape shape = switch (config.text("shape")) {
                case "cosine" -> Shape.COSINE;
                case "soft_overlong" -> Shape.SOFT_OVERLONG;
                default -> Shape.LINEAR;
            };
            return new LengthGrader(shape, config.text("unit").equals("tokens"), target, maximum);
        }
    }
}
