package dev.d3s.plugins.graders;

import java.util.List;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/**
 * {@code text_similarity}, in OpenAI's format: how alike input and reference are, 0 to 1, by one of the metrics of
 * {@link TextSimilarity}. Thread-safe; nothing to close.
 */
final class TextSimilarityGrader implements RewardFunction {
    private final Template input;
    private final Template reference;
    private final TextSimilarity metric;

    TextSimilarityGrader(Template input, Template reference, TextSimilarity metric) {
        this.input = input;
        this.reference = reference;
        this.metric = metric;
    }

    @Override
    public double score(RewardInput rollout) throws InterruptedException {
        return metric.of(input.render(rollout), reference.render(rollout));
    }

    static final class Factory implements RewardFunctionFactory {
        @Override
        public String name() {
            return "text_similarity";
        }

        @Override
        public String description() {
            return "How alike two texts are, 0 to 1, by one of eleven metrics (OpenAI's text_similarity).";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(new ConfigKey.Text("name", "text_similarity", "label of this grader, free to choose"),
                    new ConfigKey.Text("input", null,
                            "template of the text to grade, usually {{sample.output_text}}"),
                    new ConfigKey.Text("reference", null,
                            "template of the text to compare with, for example {{item.answer}}"),
                    new ConfigKey.Choice("evaluation_metric", null, TextSimilarity.words(), "how to compare"));
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            return new TextSimilarityGrader(Template.of("input", config.text("input")),
                    Template.of("reference", config.text("reference")),
                    TextSimilarity.of(config.text("evaluation_metric")));
        }
    }
}
