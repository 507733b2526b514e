package dev.d3s.server.planning;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import org.jspecify.annotations.Nullable;

import dev.d3s.natives.NativeLibraries;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.StoredWeights;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.torch.TorchPolicy;
import dev.d3s.server.policy.torch.TorchPolicySettings;
import dev.d3s.server.policy.torch.TorchReferencePolicy;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.onnx.OnnxRolloutEngine;

/**
 * Two steps of a {@link MeasuredJob} with the real engines, in a process of its own: load, roll out, update, refresh, and save
 * what a checkpoint has. The last line that it prints is its peak of memory in bytes; the lines before it are for people
 * who look for the phase that took it.
 */
final class MemoryProbe {
    private static final int STEPS = 2;

    private final MeasuredJob job;
    private final Path model;

    private MemoryProbe(MeasuredJob job, Path model) {
        this.job = job;
        this.model = model;
    }

    /** {@code <job> <directory with its model>}. */
    public static void main(String... arguments) throws IOException {
        NativeLibraries.prepare(NativeLibraries.userCache());
        new MemoryProbe(MeasuredJob.valueOf(arguments[0]), Path.of(arguments[1])).run();
        System.out.println(status("VmHWM"));
    }

    private void run() throws IOException {
        ModelConfig config = ModelDirectory.config(model);
        TorchPolicySettings settings = job.settings.trainer(config, job.policy);
        phase("start");
        try (TorchReferencePolicy reference = reference(config, settings);
                TorchPolicy policy = policy(config, settings)) {
            phase("load");
            try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(config, policy.weights(),
                    job.settings.rollouts(config, job.promptTokens + job.maxTokens, 0, null))) {
                phase("open");
                for (int step = 0; step < STEPS; step++) {
                    step(step, policy, reference, engine);
                }
                Path target = Files.createTempDirectory(model.getParent(), "checkpoint");
                ModelDirectory.write(target, config, policy.weights(), model);
                policy.saveOptimizer(target);
                phase("checkpoint");
            }
        }
    }

    private @Nullable TorchReferencePolicy reference(ModelConfig config, TorchPolicySettings settings)
            throws IOException {
        if (!job.reference) {
            return null;
        }
        try (StoredWeights weights = ModelDirectory.stored(model, config)) {
            return TorchReferencePolicy.open(config, weights, settings);
        }
    }

    private TorchPolicy policy(ModelConfig config, TorchPolicySettings settings) throws IOException {
        try (StoredWeights weights = ModelDirectory.stored(model, config)) {
            return TorchPolicy.open(config, weights, settings, 1);
        }
    }

    private void step(int step, TorchPolicy policy, @Nullable TorchReferencePolicy reference,
            OnnxRolloutEngine engine) throws IOException {
        SplittableRandom random = new SplittableRandom(step);
        List<GenerationRequest> requests = new ArrayList<>();
        for (int prompt = 0; prompt < job.prompts; prompt++) {
            long[] identities = new long[job.groupSize];
            for (int index = 0; index < job.groupSize; index++) {
                identities[index] = RolloutIdentity.of(step, prompt, index);
            }
            requests.add(new GenerationRequest(random.ints(job.promptTokens, 1, 250).toArray(), identities));
        }
        List<CompletionGroup> groups = engine.generate(requests, SamplingSettings.of(job.maxTokens, 1, 5),
                GenerationListener.NONE);
        phase("rollout");
        List<TrainingSequence> sequences = new ArrayList<>();
        for (int prompt = 0; prompt < job.prompts; prompt++) {
            for (Completion completion : groups.get(prompt).completions()) {
                if (sequences.size() < job.kept()) {
                    sequences.add(sequence(requests.get(prompt).prompt(), completion, random));
                }
            }
        }
        if (reference != null) {
            boolean[][] chosen = new boolean[sequences.size()][];
            for (int index = 0; index < chosen.length; index++) {
                chosen[index] = new boolean[sequences.get(index).completionLength()];
                Arrays.fill(chosen[index], true);
            }
            reference.score(sequences.stream().map(TrainingSequence::tokens).toList(),
                    sequences.stream().mapToInt(TrainingSequence::promptLength).toArray(), chosen, 1);
            phase("reference");
        }
        policy.update(sequences, new Objective.ClippedRatio(0.2, 0.28, 0, 2, 1),
                new OptimizerStep(1e-5, 0, 0.9, 0.999, 1e-8, 1));
        phase("update");
        engine.refresh();
        phase("refresh");
    }

    /** Keeps its last token and a share of the others. */
    private TrainingSequence sequence(int[] prompt, Completion completion, SplittableRandom random) {
        int[] tokens = Arrays.copyOf(prompt, prompt.length + completion.tokens().length);
        System.arraycopy(completion.tokens(), 0, tokens, prompt.length, completion.tokens().length);
        float[] weight = new float[completion.tokens().length];
        for (int token = 0; token < weight.length; token++) {
            weight[token] = token == weight.length - 1 || random.nextDouble() < job.keepTokens ? 0.001f : 0;
        }
        return new TrainingSequence(tokens, prompt.length, random.nextDouble() - 0.5, weight, completion.logprobs(),
                null, null);
    }

    private static void phase(String name) throws IOException {
        System.out.printf("%-10s peak %5d MiB, now %5d%n", name, status("VmHWM") >> 20, status("VmRSS") >> 20);
    }

    private static long status(String key) throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status"))
            .stream()
            .filter(line -> line.startsWith(key + ":"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
            .findFirst()
            .orElseThrow();
    }
}
