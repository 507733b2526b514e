package dev.d3s.server.cli;

import java.io.IOException;
import java.nio.file.Path;

import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.example.ArithmeticTask;
import dev.d3s.server.example.ExampleModels;

/** The jobs on the example task, over data that it has uploaded: a pure function of size, start, seed and steps. */
final class ArithmeticJobs {
    static final int MAX_TOKENS = ArithmeticTask.MAX_COMPLETION_TOKENS + 2;
    private static final int HELD_OUT_ROWS = 512;
    /** A longer run goes through the file more than once. */
    private static final int MOST_TRAIN_ROWS = 16_384;

    /**
     * How much the jobs do.
     *
     * @param supervisedSteps of {@code supervisedRows} rows each
     * @param promptsPerStep P of a reinforcement job
     * @param groupSize its G
     * @param evaluatedRows held-out problems in each evaluation
     */
    record Size(int supervisedSteps, int supervisedRows, int promptsPerStep, int groupSize, int evaluatedRows) {
        static final Size USUAL = new Size(350, 32, 16, 16, 256);
    }

    private final Size size;
    private final ArithmeticStart start;
    private final long seed;
    private final int steps;
    private final String supervisedFile;
    private final String trainFile;
    private final String heldOutFile;

    private ArithmeticJobs(Size size, ArithmeticStart start, long seed, int steps, String supervisedFile,
            String trainFile,
            String heldOutFile) {
        this.size = size;
        this.start = start;
        this.seed = seed;
        this.steps = steps;
        this.supervisedFile = supervisedFile;
        this.trainFile = trainFile;
        this.heldOutFile = heldOutFile;
    }

    /**
     * Writes and uploads the data.
     *
     * @param directory where the files may go
     * @param seed of the data and of every job
     * @param steps of the reinforcement jobs
     */
    static ArithmeticJobs upload(ApiClient api, Path directory, Size size, ArithmeticStart start, long seed, int steps)
            throws IOException, InterruptedException {
        ArithmeticTask.TaskFiles files = ArithmeticTask.write(directory, seed,
                size.supervisedSteps * size.supervisedRows,
                Math.min(steps * size.promptsPerStep, MOST_TRAIN_ROWS), HELD_OUT_ROWS, start.teacher());
        return new ArithmeticJobs(size, start, seed, steps, api.upload(files.supervised()), api.upload(files.train()),
                api.upload(files.heldOut()));
    }

    /** Lets a random policy imitate the teacher. */
    ObjectNode supervised() {
        ObjectNode job = job(ExampleModels.ARITHMETIC, supervisedFile, "sloppy");
        ObjectNode method = job.putObject("method").put("type", "supervised").putObject("supervised");
        method.set("grader", grader());
        ObjectNode d3s = method.putObject("d3s");
        d3s.put("steps", size.supervisedSteps).put("batch_size", size.supervisedRows).put("max_tokens", MAX_TOKENS);
        d3s.putObject("optimizer")
            .put("learning_rate", 3e-3)
            .put("warmup_steps", 10)
            .put("decay", "linear")
            .put("final_ratio", 0.0);
        d3s.putObject("evaluation").put("interval", 0).put("samples", size.evaluatedRows);
        d3s.putObject("checkpoint").put("interval", 0);
        return job;
    }

    /**
     * Lets a policy learn from its own rollouts.
     *
     * @param learningRate at its peak
     * @param checkpointInterval 0 for one at the end
     */
    ObjectNode reinforcement(String model, String preset, double learningRate, int evaluationInterval,
            int checkpointInterval) {
        ObjectNode job = job(model, trainFile, preset);
        ObjectNode method = job.putObject("method").put("type", "reinforcement").putObject("reinforcement");
        method.set("grader", grader());
        method.putObject("hyperparameters")
            .put("batch_size", size.promptsPerStep)
            .put("eval_interval", evaluationInterval)
            .put("eval_samples", size.evaluatedRows);
        ObjectNode d3s = method.putObject("d3s");
        d3s.put("preset", preset).put("steps", steps).put("group_size", size.groupSize);
        d3s.putObject("sampling").put("max_tokens", MAX_TOKENS).put("temperature", 1.0);
        start.optimizer(d3s.putObject("optimizer"), learningRate);
        d3s.putObject("checkpoint").put("interval", checkpointInterval);
        return job;
    }

    private ObjectNode job(String model, String trainingFile, String suffix) {
        return ApiClient.JSON.createObjectNode()
            .put("model", model)
            .put("training_file", trainingFile)
            .put("validation_file", heldOutFile)
            .put("seed", seed)
            .put("suffix", suffix);
    }

    /** The last number of the completion against the row's answer. */
    private static ObjectNode grader() {
        return ApiClient.JSON.createObjectNode()
            .put("type", "math")
            .put("name", "sum")
            .put("input", "{{sample.output_text}}")
            .put("reference", "{{item.answer}}");
    }
}
