package dev.d3s.server.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * {@code ./d3s demo}: a client of the HTTP API that makes a small policy good at sums. It uploads the example data, lets a supervised job
 * give a random policy its first, mediocre skill, then a reinforcement job make it good, and prints what that took. It talks to the
 * server over HTTP alone, as any client would, although the launcher runs both in one process.
 *
 * <p>Runs on the thread that calls {@link #run}; interrupting it ends it.
 */
public final class Demo {
    private static final int EVALUATION_INTERVAL = 4;
    private static final int CHECKPOINT_INTERVAL = 20;

    private final URI base;
    private final DemoOptions options;
    private final Terminal terminal;
    private final PrintStream out;

    /**
     * @param base scheme, host and port of a running server, e.g. {@code http://localhost:8080}
     * @param out where progress and the table go
     */
    public Demo(URI base, DemoOptions options, PrintStream out) {
        this(base, options, Terminal.of(out));
    }

    Demo(URI base, DemoOptions options, Terminal terminal) {
        this.base = base;
        this.options = options;
        this.terminal = terminal;
        this.out = terminal.out();
    }

    /** A job that succeeded. */
    private record Finished(ClientJob.Ended job, double seconds) {
        String id() {
            return job.id();
        }

        String model() {
            return job.model();
        }

        MetricTable metrics() {
            return job.metrics();
        }
    }

    /**
     * Runs the demo.
     *
     * @return exit code: 0 when both jobs succeeded, 1 when something failed, 130 when it was interrupted
     */
    public int run() {
        return ClientCommand.run("demo", base, out, this::demonstrate);
    }

    private int demonstrate(ApiClient api, Path directory) throws IOException, InterruptedException {
        long start = System.nanoTime();
        ArithmeticJobs jobs = ArithmeticJobs.upload(api, directory, ArithmeticJobs.Size.USUAL,
                ArithmeticStart.USUAL, options.seed(), options.steps());
        out.println("The task: three-digit sums with worked steps, such as 478+718=8+8+0=16;7+1+1=09;4+7+0=11;1196");
        out.println();
        out.println("1. Supervised: a random policy imitates a teacher who forgets "
                + Math.round(100 * ArithmeticStart.USUAL.teacher().forgottenCarries()) + " % of the carries.");
        Finished supervised = run(api, jobs.supervised(), "supervised");
        out.println();
        out.println("2. Reinforcement, preset " + options.preset() + ": the policy learns from its own rollouts.");
        Finished reinforced = run(api, jobs.reinforcement(supervised.model(), options.preset(),
                ArithmeticStart.USUAL.learningRate(), EVALUATION_INTERVAL, CHECKPOINT_INTERVAL), name());
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
        return 0;
    }

    private Finished run(ApiClient api, ObjectNode job, String label) throws IOException, InterruptedException {
        long start = System.nanoTime();
        ClientJob submitted = ClientJob.submit(api, job);
        ProgressDisplay display = new ProgressDisplay(terminal, label, System::nanoTime);
        ClientJob.Ended ended;
        try {
            ended = submitted.follow(event -> {
                if (event.path("type").asText().equals("metrics")) {
                    display.step(event.path("data"));
                } else {
                    display.message(event.path("message").asText());
                }
            });
        } finally {
            display.finish();
        }
        return new Finished(ended.succeeded(), (System.nanoTime() - start) / 1e9);
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
            throw new ClientJob.JobFailedException("the server reported no " + name + ".");
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
        String request = "{\"model\": \"" + model + "\", \"prompt\": \"478+718=\", \"max_tokens\": "
                + ArithmeticJobs.MAX_TOKENS
                + ", \"temperature\": 0}";
        out.println();
        out.println("  curl -s " + base.resolve("/v1/completions") + " -H 'Content-Type: application/json' -d '"
                + request + "'");
        out.println("  curl -s -H 'Accept: text/csv' "
                + base.resolve("/v1/fine_tuning/jobs/" + reinforced.id() + "/metrics"));
        out.println("  curl -s " + base.resolve("/v1/fine_tuning/jobs/" + reinforced.id() + "/checkpoints") + "   # "
                + checkpoints + " of them");
        out.println("  " + base.resolve("/v1/fine_tuning/jobs/" + reinforced.id() + "/rollouts")
                + "   # in a browser: which tokens it kept");
        out.println();
        out.println("  # pip install openai");
        out.println("  python3 -c 'from openai import OpenAI; print(OpenAI(base_url=\"" + base.resolve("/v1")
                + "\", api_key=\"none\").completions.create(model=\"" + model
                + "\", prompt=\"478+718=\", max_tokens=" + ArithmeticJobs.MAX_TOKENS
                + ", temperature=0).choices[0].text)'");
        out.println();
        if (!options.preset().equals("grpo")) {
            out.println("  ./d3s demo --preset grpo   # the same without selection: every token is trained on");
            out.println();
        }
    }

    private String name() {
        return options.preset().toUpperCase(Locale.ROOT);
    }
}
