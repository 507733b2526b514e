package dev.d3s.server.spec;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.evaluation.EvaluationPlan;
import dev.d3s.server.evaluation.SampledSettings;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.training.PluginChoice;

/**
 * What an evaluation was asked to do, with nothing left to be filled in.
 *
 * @param model id of the model
 * @param file id of an uploaded file
 * @param samples rows from the start of the file
 * @param greedy whether each prompt gets a greedy completion
 * @param sampled what is sampled besides
 * @param sampling how; with the seed of all randomness
 * @param stop texts that end a completion
 * @param grader type and configuration
 * @param gradingSeconds time limit of one grading
 * @param metadata the client's own
 * @param request the whole as JSON: submitting it again repeats the evaluation
 */
public record EvalSpec(String model, String file, int samples, boolean greedy, SampledSettings sampled,
        SamplingSettings sampling, List<String> stop, PluginChoice grader, double gradingSeconds,
        Map<String, String> metadata, ObjectNode request) {
    public EvalSpec {
        stop = List.copyOf(stop);
        metadata = Map.copyOf(metadata);
    }

    public EvaluationPlan plan(Path modelDirectory, Path content, String organization) {
        return new EvaluationPlan(modelDirectory, content, samples, greedy, sampled, sampling, stop, grader.name(),
                grader.config(), Duration.ofNanos((long) (gradingSeconds * 1e9)), organization);
    }
}
