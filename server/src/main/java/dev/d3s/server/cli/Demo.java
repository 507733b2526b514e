package dev.d3s.server.cli;

import java.io.Console;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.example.ArithmeticTask;
import dev.d3s.server.example.ExampleModels;

/**
 * {@code ./d3s demo}: a client of the HTTP API that makes a small policy good at sums. It uploads the example data, lets a supervised job
 * give a random policy its first, mediocre skill, then a reinforcement job make it good, and prints what that took. It talks to the
 * server over HTTP alone, as any client would, although the launcher runs both in one process.
 *
 * <p>Runs on the thread that calls {@link #run}; interrupting it ends it.
 */
public final class Demo {
    private static final int SUPERVISED_STEPS = 350;
    private static final int SUPERVISED_BATCH = 32;
    private static final int PROMPTS_PER_STEP = 16;
    private static final int GROUP_SIZE = 16;
    private static final int MAX_TOKENS = ArithmeticTask.MAX_COMPLETION_TOKENS + 2;
    private static final int HELD_OUT_ROWS = 512;
    /** A longer run goes through the file more than once. */
    private static final int MOST_TRAIN_ROWS = 16_384;
    private static final int EVALUATED_ROWS = 256;
    private static final int EVALUATION_INTERVAL = 4;
    private static final int CHECKPOINT_INTERVAL = 20;
    private static final long SILENCE_MILLIS = 2000;
    private static final int DEFAULT_WIDTH = 80;

    private final URI base;
    private final DemoOptions options;
    private final PrintStream out;
    private final boolean terminal;

    /**
     * @param base scheme, host and port of a running server, e.g. {@code http://localhost:8080}
     * @param out where progress and the table go
     */
    public Demo(URI base, DemoOptions options, PrintStream out) {
        this(base, options, out, onTerminal());
    }

    Demo(URI base, DemoOptions options, PrintStream out, boolean terminal) {
        this.base = base;
        this.options = options;
        this.out = out;
        this.terminal = terminal;
    }

    /** The job did not succeed; the message is for people. */
    private static final class JobFailedException extends IOException {
        private static final long serialVersionUID = 1L;

        JobFailedException(String message) {
            super(message);
        }
    }

    /** A finished job. */
    private record Finished(String id, String model, MetricTable metrics, double seconds) {}

    /**
     * Runs the demo.
     *
     * @return exit code: 0 when both jobs succeeded, 1 when something failed, 130 when it was interrupted
     */
    public int run() {
        Path files = null;
        try (ApiClient api = new ApiClient(base)) {
            files = Files.createTempDirectory("d3s-demo");
            demonstrate(api, files);
            return 0;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return stopped();
        } catch (IOException failure) {
            if (processEnds()) {
                return stopped();
            }
            out.println();
            out.println("The demo failed: " + failure.getMessage());
            out.flush();
            return 1;
        } finally {
            delete(files);
        }
    }

    private int stopped() {
        out.println();
        out.println("Stopped; the demo leaves nothing behind.");
        out.flush();
        return 130;
    }

    /** Whether the server went away because this process ends: hooks can be taken back only until then. */
    private static boolean processEnds() {
        try {
            Runtime.getRuntime().removeShutdownHook(new Thread());
            return false;
        } catch (IllegalStateException ending) {
            return true;
        }
    }

    private void demonstrate(ApiClient api, Path directory) throws IOException, InterruptedException {
        long start = System.nanoTime();
        ArithmeticTask.TaskFiles files = ArithmeticTask.write(directory, options.seed(),
                SUPERVISED_STEPS * SUPERVISED_BATCH, Math.min(options.steps() * PROMPTS_PER_STEP, MOST_TRAIN_ROWS),
                HELD_OUT_ROWS);
        out.println("The task: three-digit sums with worked steps, such as 478+718=8+8+0=16;7+1+1=09;4+7+0=11;1196");
        out.println();
        String supervisedFile = api.upload(files.supervised());
        String trainFile = api.upload(files.train());
        String heldOutFile = api.upload(files.heldOut());

        out.println("1. Supervised: a random policy imitates a teacher who forgets "
                + Math.round(100 * ArithmeticTask.FORGOTTEN_CARRIES) + " % of the carries.");
        Finished supervised = run(api, supervisedJob(supervisedFile, heldOutFile), "supervised");
        out.println();
        out.println("2. Reinforcement, preset " + options.preset() + ": the policy learns from its own rollouts.");
        Finished reinforced = run(api, reinforcementJob(supervised.model(), trainFile, heldOutFile), name());
        int checkpoints = api.get("/v1/fine_tuning/jobs/" + reinforced.id() + "/checkpoints").path("data").size();

        DemoResult result = result(supervised, reinforced, (System.nanoTime() - start) / 1e9);
        out.println();
        out.println(result.table());
        out.println("The teacher was sloppy on purpose: the policy it leaves samples each right step now and then, and "
                + name() + " re-weights\nwhat it samples rather than teaching it something new. That is why few steps"
                + " suffice here.");
        out.println();
        next(reinforced, checkpoints);
        Path report = options.report();
        if (report != null) {
            Files.write(report, ApiClient.JSON.writer()
                .with(SerializationFeature.INDENT_OUTPUT)
                .writeValueAsBytes(result.json()));
            out.println("Report: " + report);
        }
        out.flush();
    }

    // ---------------------------------------------------------------- jobs

    private ObjectNode supervisedJob(String trainingFile, String validationFile) {
        ObjectNode job = job(ExampleModels.ARITHMETIC, trainingFile, validationFile, "sloppy");
        ObjectNode method = job.putObject("method").put("type", "supervised").putObject("supervised");
        method.set("grader", grader());
        ObjectNode d3s = method.putObject("d3s");
        d3s.put("steps", SUPERVISED_STEPS).put("batch_size", SUPERVISED_BATCH).put("max_tokens", MAX_TOKENS);
        d3s.putObject("optimizer")
            .put("learning_rate", 3e-3)
            .put("warmup_steps", 10)
            .put("decay", "linear")
            .put("final_ratio", 0.0);
        d3s.putObject("evaluation").put("interval", 0).put("samples", EVALUATED_ROWS);
        d3s.putObject("checkpoint").put("interval", 0);
        return job;
    }

    private ObjectNode reinforcementJob(String model, String trainingFile, String validationFile) {
        ObjectNode job = job(model, trainingFile, validationFile, options.preset());
        ObjectNode method = job.putObject("method").put("type", "reinforcement").putObject("reinforcement");
        method.set("grader", grader());
        method.putObject("hyperparameters")
            .put("batch_size", PROMPTS_PER_STEP)
            .put("eval_interval", EVALUATION_INTERVAL)
            .put("eval_samples", EVALUATED_ROWS);
        ObjectNode d3s = method.putObject("d3s");
        d3s.put("preset", options.preset()).put("steps", options.steps()).put("group_size", GROUP_SIZE);
        d3s.putObject("sampling").put("max_tokens", MAX_TOKENS).put("temperature", 1.0);
        d3s.putObject("optimizer")
            .put("learning_rate", 2e-4)
            .put("warmup_steps", 5)
            .put("decay", "linear")
            .put("final_ratio", 0.1);
        d3s.putObject("checkpoint").put("interval", CHECKPOINT_INTERVAL);
        return job;
    }

    private ObjectNode job(String model, String trainingFile, String validationFile, String suffix) {
        return ApiClient.JSON.createObjectNode()
            .put("model", model)
            .put("training_file", trainingFile)
            .put("validation_file", validationFile)
            .put("seed", options.seed())
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

    private Finished run(ApiClient api, ObjectNode job, String label) throws IOException, InterruptedException {
        long start = System.nanoTime();
        String id = api.post("/v1/fine_tuning/jobs", job).path("id").asText();
        ProgressDisplay display = new ProgressDisplay(out, label, terminal, width(), System::nanoTime);
        JsonNode end;
        try {
            end = new JobFollower(api, SILENCE_MILLIS).follow(id, event -> {
                if (event.path("type").asText().equals("metrics")) {
                    display.step(event.path("data"));
                } else {
                    display.message(event.path("message").asText());
                }
            });
        } finally {
            display.finish();
        }
        String status = end.path("status").asText();
        if (!status.equals("succeeded")) {
            String error = end.path("error").path("message").asText("");
            throw new JobFailedException("job " + id + " is " + status + (error.isEmpty() ? "." : ": " + error));
        }
        MetricTable metrics = MetricTable.parse(api.getCsv("/v1/fine_tuning/jobs/" + id + "/metrics"));
        return new Finished(id, end.path("fine_tuned_model").asText(), metrics, (System.nanoTime() - start) / 1e9);
    }

    // ---------------------------------------------------------------- what came out

    private DemoResult result(Finished supervised, Finished reinforced, double seconds) throws IOException {
        Map<String, Double> phases = new LinkedHashMap<>();
        phases.put("supervised", supervised.seconds());
        double known = supervised.seconds();
        for (String phase : new String[]{"rollout", "grade", "select", "update", "eval", "checkpoint"}) {
            double sum = reinforced.metrics().sum("seconds_" + phase);
            phases.put(phase, sum);
            known += sum;
        }
        phases.put("other", Math.max(0, seconds - known));
        return new DemoResult(options.preset(), options.seed(), options.steps(),
                reported("accuracy", supervised.metrics().at("accuracy", -1)),
                reported("accuracy", supervised.metrics().last("accuracy")),
                reported("accuracy", reinforced.metrics().last("accuracy")),
                Math.round(reported("generated_tokens", reinforced.metrics().last("generated_tokens"))),
                Math.round(reported("trained_tokens", reinforced.metrics().last("trained_tokens"))),
                Math.round(reported("trained_tokens", supervised.metrics().last("trained_tokens"))), seconds, phases);
    }

    private static double reported(String name, OptionalDouble value) throws IOException {
        if (value.isEmpty()) {
            throw new JobFailedException("the server reported no " + name + ".");
        }
        return value.getAsDouble();
    }

    private void next(Finished reinforced, int checkpoints) {
        String model = reinforced.model();
        if (options.serve()) {
            out.println("The server keeps running at " + base + "; Ctrl-C ends it. Try:");
        } else {
            out.println("./d3s demo --serve keeps the server running afterwards. Then try:");
        }
        String request = "{\"model\": \"" + model + "\", \"prompt\": \"478+718=\", \"max_tokens\": " + MAX_TOKENS
                + ", \"temperature\": 0}";
        out.println();
        out.println("  curl -s " + base.resolve("/v1/completions") + " -H 'Content-Type: application/json' -d '"
                + request + "'");
        out.println("  curl -s -H 'Accept: text/csv' "
                + base.resolve("/v1/fine_tuning/jobs/" + reinforced.id() + "/metrics"));
        out.println("  curl -s " + base.resolve("/v1/fine_tuning/jobs/" + reinforced.id() + "/checkpoints") + "   # "
                + checkpoints + " of them");
        out.println();
        out.println("  # pip install openai");
        out.println("  python3 -c 'from openai import OpenAI; print(OpenAI(base_url=\"" + base.resolve("/v1")
                + "\", api_key=\"none\").completions.create(model=\"" + model
                + "\", prompt=\"478+718=\", max_tokens=" + MAX_TOKENS + ", temperature=0).choices[0].text)'");
        out.println();
        if (!options.preset().equals("grpo")) {
            out.println("  ./d3s demo --preset grpo   # the same without selection: every token is trained on");
            out.println();
        }
    }

    private String name() {
        return options.preset().toUpperCase(Locale.ROOT);
    }

    @SuppressWarnings("SystemConsoleNull") // it is null again from JDK 25 on when there is no terminal
    private static boolean onTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal();
    }

    private static int width() {
        String columns = System.getenv("COLUMNS");
        try {
            return columns == null ? DEFAULT_WIDTH : Math.max(20, Integer.parseInt(columns));
        } catch (NumberFormatException unusual) {
            return DEFAULT_WIDTH;
        }
    }

    private static void delete(@Nullable Path directory) {
        if (directory == null) {
            return;
        }
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
            Files.delete(directory);
        } catch (IOException leftBehind) {
            // the system's temporary directory is emptied by the system
        }
    }
}
