package dev.d3s.server.rollout.onnx;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutIdentity;

/** Small models and requests for the engine's tests. */
final class Fixtures {
    private Fixtures() {}

    /** Two layers, grouped heads, an end-of-sequence token that random weights meet now and then. */
    static ModelConfig config(int vocabulary, boolean tied) {
        return ModelConfig.qwen2(vocabulary, 32, 2, 4, 2, 16, 48, 64, 10_000, 1e-6, tied, List.of(3));
    }

    static OnnxRolloutSettings settings(int workers, int slots, RefreshMode mode) {
        return new OnnxRolloutSettings(workers, 1, slots, 64, mode, 0);
    }

    /** Prompts of 1 to {@code longest} tokens. */
    static List<GenerationRequest> requests(int count, int groupSize, int longest, int vocabulary, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int[] prompt = random.ints(1 + random.nextInt(longest), 4, vocabulary).toArray();
            long[] identities = new long[groupSize];
            for (int j = 0; j < groupSize; j++) {
                identities[j] = RolloutIdentity.of(5, i, j);
            }
            requests.add(new GenerationRequest(prompt, identities));
        }
        return requests;
    }

    /** The same completions as requests of their own. */
    static List<GenerationRequest> separated(List<GenerationRequest> requests) {
        List<GenerationRequest> separated = new ArrayList<>();
        for (GenerationRequest request : requests) {
            for (long identity : request.identities()) {
                separated.add(new GenerationRequest(request.prompt(), new long[]{identity}));
            }
        }
        return separated;
    }

    static List<Completion> completions(List<CompletionGroup> groups) {
        return groups.stream().flatMap(group -> group.completions().stream()).toList();
    }

    /** Prompt and completion. */
    static int[] sequence(int[] prompt, Completion completion) {
        int[] sequence = new int[prompt.length + completion.length()];
        System.arraycopy(prompt, 0, sequence, 0, prompt.length);
        System.arraycopy(completion.tokens(), 0, sequence, prompt.length, completion.length());
        return sequence;
    }
}
