package dev.d3s.server.evaluation;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

import dev.d3s.server.rollout.SamplingSettings;

/**
 * An evaluation on demand, fully expanded.
 *
 * @param model Hugging Face directory
 * @param file a dataset with prompts
 * @param rows how many rows, from the start of the file; more than it has means all
 * @param greedy whether each prompt gets a greedy completion
 * @param sampled what is sampled besides
 * @param sampling how; its length limit holds for greedy completions too
 * @param stop texts that end a completion
 * @param grader type of the reward function
 * @param graderConfig its configuration
 * @param gradingLimit for one completion
 * @param organization that the evaluation belongs to: whose models graders may sample
 */
public record EvaluationPlan(Path model, Path file, int rows, boolean greedy, SampledSettings sampled,
        SamplingSettings sampling, List<String> stop, String grader, Map<String, Object> graderConfig,
        Duration gradingLimit, String organization) {
    public EvaluationPlan {
        stop = List.copyOf(stop);
        graderConfig = Map.copyOf(graderConfig);
        if (!greedy && sampled.n() == 0) {
            throw new IllegalArgumentException("nothing to evaluate");
        }
    }
}
