package dev.d3s.server.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * {@code ./d3s compare}: runs presets over seeds on the example task, as a client of the HTTP API, and shows what is needed to believe or disbelieve the method. Per
 * seed, one supervised job makes the start that all presets share; then each preset has its reinforcement job. The server runs one at a time; the order is
 * rotated from seed to seed, so that none always has the machine's best or worst moment.
 *
 * <p>Runs on the thread that calls {@link #run}; interrupting it ends it.
 */
public final class Compare {
    private static final int EVALUATION_INTERVAL = 2;
    private static final String SUPERVISED = "supervised";

    private final URI base;
    private final CompareOptions options;
    private final ArithmeticJobs.Size size;
    private final Terminal terminal;
    private final PrintStream out;
    private final @Nullable ComparisonReport report;
    private final RemainingTime remaining = new RemainingTime();
    private final List<ComparedRun> runs = new ArrayList<>();

    /**
     * @param base scheme, host and port of a running server, e.g. {@code http://localhost:8080}
     * @param out where progress and the tables go
     */
    public Compare(URI base, CompareOptions options, PrintStream out) {
        this(base, options, Terminal.of(out), ArithmeticJobs.Size.USUAL);
    }

    Compare(URI base, CompareOptions options, Terminal terminal, ArithmeticJobs.Size size) {
        this.base = base;
        this.size = size;
        this.options = options;
        this.terminal = terminal;
        this.out = terminal.out();
        Path page = options.report();
        this.report = page == null ? null : new ComparisonReport(page);
    }

    /** A job that waits for its turn. */
    private record Queued(Variant variant, int place, ClientJob job) {}

    /**
     * Runs the comparison.
     *
     * @return exit code: 0 when every run succeeded, 1 when something failed, 130 when it was interrupted
     */
    public int run() {
        int code = ClientCommand.run("comparison", base, out, this::compare);
        if (code == 130 && report != null && !runs.isEmpty()) {
            out.println("The report has the " + runs.size() + " runs that had ended: " + report.page());
        }
        return code;
    }

    private int compare(ApiClient api, Path directory) throws IOException, InterruptedException {
        List<Variant> variants = variants(api);
        List<Long> seeds = LongStream.range(options.firstSeed(), options.firstSeed() + options.seeds())
            .boxed()
            .toList();
        out.println(ComparisonPage.setting(comparison(variants, seeds)) + ".");
        out.println("Presets: " + variants.stream().map(Variant::name).collect(Collectors.joining(", ")));
        try {
            for (int index = 0; index < seeds.size(); index++) {
                seed(api, directory, variants, seeds, index);
            }
        } catch (IOException failure) {
            // what has been paid for is shown; an interrupt is a wish to stop
            if (!Thread.currentThread().isInterrupted()) {
                show(comparison(variants, seeds));
            }
            throw failure;
        }
        show(comparison(variants, seeds));
        return runs.stream().allMatch(run -> run.failure() == null) ? 0 : 1;
    }

    private Comparison comparison(List<Variant> variants, List<Long> seeds) {
        return new Comparison(new Comparison.Setting(options.start(), size, options.steps(), options.learningRate(),
                EVALUATION_INTERVAL), variants, seeds, runs);
    }

    /** What was asked for, held to the presets that the server has. */
    private List<Variant> variants(ApiClient api) throws IOException, InterruptedException {
        JsonNode presets = api.get("/v1/presets").path("data");
        List<Variant> variants = options.variants();
        if (variants.isEmpty()) {
            List<Variant> all = new ArrayList<>();
            presets.forEach(preset -> all.add(Variant.of(preset.path("name").asText())));
            variants = CompareOptions.withBaseline(all);
        }
        for (Variant variant : variants) {
            try {
                variant.check(presets);
            } catch (IllegalArgumentException mistake) {
                throw new IOException(mistake.getMessage(), mistake);
            }
        }
        return variants;
    }

    private void seed(ApiClient api, Path directory, List<Variant> variants, List<Long> seeds, int index)
            throws IOException, InterruptedException {
        long seed = seeds.get(index);
        List<Variant> order = new ArrayList<>(variants);
        Collections.rotate(order, -(index * variants.size() / seeds.size()));
        ArithmeticJobs jobs = ArithmeticJobs.upload(api, directory, size, options.start(), seed, options.steps());
        ClientJob.Ended start = follow(ClientJob.submit(api, jobs.supervised()), "seed " + seed + ", start",
                SUPERVISED);
        Optional<String> failure = Optional.ofNullable(start.failure());
        if (failure.isPresent()) {
            for (Variant variant : order) {
                runs.add(new ComparedRun(variant, seed, 0, MetricTable.parse(""), "the start: " + failure.get()));
            }
            out.println("  seed " + seed + ", start  failed: " + failure.get());
            write(comparison(variants, seeds));
            return;
        }
        out.printf(Locale.ROOT, "  seed %d, start: held-out accuracy %s%n", seed,
                Words.percent(start.metrics().last("accuracy").orElse(Double.NaN)));
        // all are queued at once: what the server refuses is known before the first one runs
        List<Queued> queued = new ArrayList<>();
        for (Variant variant : order) {
            queued.add(new Queued(variant, queued.size() + 1, submit(api, jobs, start.model(), variant)));
        }
        for (Queued next : queued) {
            Variant variant = next.variant;
            ClientJob.Ended ended = follow(next.job, "seed " + seed + ", " + variant.name(), variant.name());
            runs.add(new ComparedRun(variant, seed, next.place, ended.metrics(), reason(ended)));
            Comparison sofar = comparison(variants, seeds);
            line(sofar, left(sofar, order.subList(next.place, order.size()), seeds.size() - index - 1));
            write(sofar);
        }
    }

    /** Why a run cannot be counted. */
    private static @Nullable String reason(ClientJob.Ended ended) {
        if (ended.failure() == null && RunFigures.of(ended.metrics()).evaluations().isEmpty()) {
            return "job " + ended.id() + " reported no accuracy.";
        }
        return ended.failure();
    }

    private ClientJob submit(ApiClient api, ArithmeticJobs jobs, String model, Variant variant)
            throws IOException, InterruptedException {
        ObjectNode job = jobs.reinforcement(model, variant.preset(), options.learningRate(), EVALUATION_INTERVAL, 0);
        variant.apply(job.withObject("/method/reinforcement/d3s"));
        try {
            return ClientJob.submit(api, job);
        } catch (ApiClient.ApiException refused) {
            throw new ApiClient.ApiException(variant.name() + ": " + refused.getMessage(), refused);
        }
    }

    /** Waits for a job; on a terminal with a line that goes when it has ended. */
    private ClientJob.Ended follow(ClientJob job, String label, String name) throws IOException, InterruptedException {
        long start = System.nanoTime();
        ProgressDisplay display = new ProgressDisplay(terminal, label, System::nanoTime);
        try {
            return job.follow(event -> {
                JsonNode metrics = event.path("data");
                if (terminal.live() && metrics.path("step").asInt(-1) >= 0) {
                    display.step(metrics);
                }
            });
        } finally {
            display.clear();
            remaining.took(name, (System.nanoTime() - start) / 1e9);
        }
    }

    private OptionalDouble left(Comparison sofar, List<Variant> restOfSeed, int otherSeeds) {
        List<String> names = new ArrayList<>(restOfSeed.stream().map(Variant::name).toList());
        for (int seed = 0; seed < otherSeeds; seed++) {
            names.add(SUPERVISED);
            sofar.variants().forEach(variant -> names.add(variant.name()));
        }
        return names.isEmpty() ? OptionalDouble.empty() : remaining.of(names);
    }

    /** What the last run came to, and how long the others will take. */
    private void line(Comparison sofar, OptionalDouble left) {
        ComparedRun run = sofar.runs().getLast();
        int widest = sofar.variants().stream().mapToInt(variant -> variant.name().length()).max().orElse(0);
        String words = run.figures()
            .map(figures -> String.format(Locale.ROOT, "final %s  trained %s tokens  update %s s",
                    Words.percent(figures.finalAccuracy()), Words.count(figures.whole().trainedTokens()),
                    Words.decimal(figures.whole().updateSeconds(), 1)))
            .orElse("failed: " + run.failure());
        String time = left.isPresent() ? "  " + Words.duration(left.getAsDouble()) + " left" : "";
        int all = sofar.runs().size() + sofar.missing();
        out.printf(Locale.ROOT,
                "  %" + Integer.toString(all).length() + "d/%d  seed %d  %-" + Math.max(1, widest) + "s  %s%s%n",
                sofar.runs().size(), all, run.seed(), run.variant().name(), words, time);
        out.flush();
    }

    private void show(Comparison comparison) throws IOException {
        if (comparison.runs().isEmpty()) {
            return;
        }
        out.println();
        FigureTable.of(comparison).forEach(table -> out.println(table.text()));
        out.println(Verdict.headline(comparison));
        out.println(Verdict.caution(comparison));
        for (Verdict verdict : Verdict.of(comparison)) {
            out.println("  " + verdict.summary().variant().name() + ": " + verdict.words());
        }
        for (ComparedRun run : comparison.failures()) {
            out.println("  Failed: " + run.variant().name() + " on seed " + run.seed() + ": " + run.failure());
        }
        if (comparison.missing() > 0) {
            out.println("  Unfinished: " + comparison.missing() + " runs have not ended.");
        }
        if (report != null) {
            write(comparison);
            out.println();
            out.println("Report: " + report.files().stream().map(Path::toString).collect(Collectors.joining(" ")));
        }
        out.flush();
    }

    private void write(Comparison comparison) throws IOException {
        if (report != null) {
            report.write(comparison, LocalDate.now(ZoneId.systemDefault()).toString());
        }
    }
}
