package dev.d3s.server.rollout.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.FinishReason;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** One generate call: what its workers share. */
final class Generation {
    private final ModelConfig config;
    private final List<GenerationRequest> requests;
    private final SamplingSettings sampling;
    private final GenerationListener listener;
    private final WorkQueue queue;
    private final CompletionBuilder[][] builders;
    private final Completion[][] completions;
    private final CompletionGroup[] groups;
    private final AtomicInteger[] open;
    private final AtomicInteger remaining;
    private volatile boolean stopped;

    /** @param positions T: prompt and completion together */
    Generation(ModelConfig config, int positions, List<GenerationRequest> requests, SamplingSettings sampling,
            GenerationListener listener, LengthLimit limit) {
        this.config = config;
        this.requests = requests;
        this.sampling = sampling;
        this.listener = listener;
        int context = Math.min(positions, config.contextLength());
        builders = new CompletionBuilder[requests.size()][];
        completions = new Completion[requests.size()][];
        groups = new CompletionGroup[requests.size()];
        open = new AtomicInteger[requests.size()];
        for (int i = 0; i < requests.size(); i++) {
            GenerationRequest request = requests.get(i);
            checkPrompt(config, context, request.prompt());
            int room = Math.min(sampling.maxTokens(), context - request.prompt().length);
            builders[i] = new CompletionBuilder[request.groupSize()];
            completions[i] = new Completion[request.groupSize()];
            for (int member = 0; member < request.groupSize(); member++) {
                builders[i][member] = new CompletionBuilder(request.identities()[member],
                        Math.min(room, limit.of(i, member)));
            }
            open[i] = new AtomicInteger(request.groupSize());
            groups[i] = new CompletionGroup(request.prompt(), List.of());
        }
        queue = new WorkQueue(requests);
        remaining = new AtomicInteger(completionCount());
    }

    /** @param context most tokens of prompt and completion together */
    static void checkPrompt(ModelConfig config, int context, int[] prompt) {
        if (prompt.length == 0) {
            throw new D3sException(ErrorCategory.USER, "prompt_empty",
                    "A prompt has no tokens; it needs at least one.");
        }
        if (prompt.length >= context) {
            throw new D3sException(ErrorCategory.USER, "context_length_exceeded",
                    "A prompt has " + prompt.length + " tokens, but prompt and completion together may have " + context
                            + (context < config.contextLength()
                                    ? " here (the model's context is " + config.contextLength() + ")."
                                    : ": shorten the prompt to at most " + (context - 1) + " tokens."));
        }
        for (int token : prompt) {
            if (token < 0 || token >= config.vocabularySize()) {
                throw new D3sException(ErrorCategory.USER, "token_out_of_range", "A prompt has token id " + token
                        + ", but the model's ids go from 0 to " + (config.vocabularySize() - 1) + ".");
            }
        }
    }

    List<GenerationRequest> requests() {
        return requests;
    }

    SamplingSettings sampling() {
        return sampling;
    }

    WorkQueue queue() {
        return queue;
    }

    int completionCount() {
        return Arrays.stream(completions).mapToInt(group -> group.length).sum();
    }

    int[] prompt(int request) {
        return requests.get(request).prompt();
    }

    /** The uniform number for the next token of a completion. */
    float uniform(int request, int member) {
        CompletionBuilder builder = builders[request][member];
        return RolloutIdentity.uniform(sampling.seed(), builder.identity(), builder.length());
    }

    /** Tokens of a completion so far. */
    int length(int request, int member) {
        return builders[request][member].length();
    }

    /** Takes a token in; @return whether the completion goes on */
    boolean accept(int request, int member, int token, float logprob, float entropy) {
        if (!Float.isFinite(logprob) || !Float.isFinite(entropy)) {
            throw new D3sException(ErrorCategory.USER, "rollout_not_finite",
                    "The model gives a log-probability that is not a number: its weights have diverged. Lower the learning"
                            + " rate or max_grad_norm and begin again from an earlier checkpoint.");
        }
        CompletionBuilder builder = builders[request][member];
        builder.add(token, logprob, entropy);
        boolean wanted = listener.token(request, member, token, logprob);
        if (config.endsSequence(token)) {
            finish(request, member, FinishReason.STOP);
        } else if (!wanted) {
            finish(request, member, FinishReason.CANCELLED);
        } else if (builder.atLimit()) {
            finish(request, member, FinishReason.LENGTH);
        } else {
            return true;
        }
        return false;
    }

    private void finish(int request, int member, FinishReason reason) {
        remaining.decrementAndGet();
        completions[request][member] = builders[request][member].completion(reason);
        if (open[request].decrementAndGet() == 0) {
            groups[request] = new CompletionGroup(prompt(request), Arrays.asList(completions[request]));
            listener.finished(request, groups[request]);
        }
    }

    /** Whether completions are still to come. */
    boolean isOpen() {
        return remaining.get() > 0;
    }

    /** Makes every worker stop at its next step. */
    void stop() {
        stopped = true;
    }

    /** @throws CancellationException when the listener, a failed worker or the caller wants no more */
    void checkStopped() {
        if (stopped || listener.cancelled()) {
            stopped = true;
            throw new CancellationException("Generation was cancelled.");
        }
    }

    /** One group per request, when all workers are done. */
    List<CompletionGroup> groups() {
        return new ArrayList<>(Arrays.asList(groups));
    }
}
