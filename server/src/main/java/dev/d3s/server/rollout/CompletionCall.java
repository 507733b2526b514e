package dev.d3s.server.rollout;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.rollout.CompletionResult.Piece;
import dev.d3s.server.rollout.CompletionResult.Top;

/**
 * One call for completions: the engine's threads put what they generate into a queue, and the calling thread makes text of
 * it, looks for stop texts and tells the client. So nobody waits for a slow client but the client.
 */
final class CompletionCall implements ServingListener {
    private static final long LOOK_AROUND_MILLISECONDS = 500;

    private final CompletionRequest request;
    private final List<CompletionResult.Prompt> prompts;
    private final Tokenizer tokenizer;
    private final @Nullable String weights;
    private final CompletionListener listener;
    private final ServingLoad load;
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    /** [choices] 1 where no further token is wanted. */
    private final AtomicIntegerArray stopped;
    private volatile boolean abandoned;

    /** What the engine tells. */
    private sealed interface Event {
        record Scored(int prompt, float[] logprobs, @Nullable TopTokens[] top) implements Event {}

        record Token(int choice, int token, float logprob, @Nullable TopTokens top) implements Event {}

        record Finished(int choice, FinishReason reason) implements Event {}

        record Version(long version) implements Event {}

        record Ended(@Nullable Throwable failure) implements Event {}
    }

    /** @param weights what to say about the weights; {@code null} to name the versions that are heard of */
    CompletionCall(CompletionRequest request, List<CompletionResult.Prompt> prompts, Tokenizer tokenizer,
            @Nullable String weights, CompletionListener listener, ServingLoad load) {
        this.load = load;
        this.request = request;
        this.prompts = prompts;
        this.tokenizer = tokenizer;
        this.weights = weights;
        this.listener = listener;
        stopped = new AtomicIntegerArray(prompts.size() * request.n());
    }

    CompletionResult run(ServingEngine engine) {
        List<GenerationRequest> wanted = new ArrayList<>();
        ChoiceText[] choices = new ChoiceText[prompts.size() * request.n()];
        for (int i = 0; i < prompts.size(); i++) {
            long[] identities = new long[request.n()];
            for (int j = 0; j < request.n(); j++) {
                identities[j] = RolloutIdentity.of(0, i, j);
                int choice = i * request.n() + j;
                choices[choice] = new ChoiceText(choice, tokenizer, request.stop(), listener);
            }
            wanted.add(new GenerationRequest(prompts.get(i).tokens(), identities));
        }
        engine.submit(new ServingRequest(wanted, request.sampling(), request.likeliest(), request.scorePrompts(),
                request.patient()), this);
        boolean complete = false;
        try (ServingLoad.Call call = load.begin(choices.length)) {
            CompletionResult result = follow(choices, call);
            complete = true;
            return result;
        } finally {
            abandoned = !complete;
        }
    }

    private CompletionResult follow(ChoiceText[] choices, ServingLoad.Call call) {
        CompletionResult.Prompt[] known = prompts.toArray(CompletionResult.Prompt[]::new);
        CompletionResult.Choice[] results = new CompletionResult.Choice[choices.length];
        BitSet accepted = new BitSet();
        SortedSet<Long> versions = new TreeSet<>();
        while (true) {
            switch (next()) {
                case Event.Version version -> versions.add(version.version);
                case Event.Scored scored -> known[scored.prompt] = scored(scored);
                case Event.Token token -> {
                    call.token(token.choice);
                    accept(token.choice / request.n(), known, accepted);
                    if (!choices[token.choice].token(token.token, token.logprob, token.top)) {
                        stopped.set(token.choice, 1);
                    }
                }
                case Event.Finished finished -> {
                    call.finished(finished.choice);
                    int prompt = finished.choice / request.n();
                    accept(prompt, known, accepted);
                    results[finished.choice] = choices[finished.choice].finish(prompt, finished.reason);
                }
                case Event.Ended ended -> {
                    throwIfFailed(ended.failure);
                    int promptTokens = prompts.stream().mapToInt(prompt -> prompt.tokens().length).sum();
                    int completionTokens = Arrays.stream(results)
                        .mapToInt(choice -> choice.whole().tokens().length)
                        .sum();
                    return new CompletionResult(Arrays.asList(known), Arrays.asList(results),
                            new CompletionResult.Usage(promptTokens, completionTokens), weights(versions));
                }
            }
        }
    }

    private Event next() {
        while (true) {
            try {
                Event event = events.poll(LOOK_AROUND_MILLISECONDS, TimeUnit.MILLISECONDS);
                if (event != null) {
                    return event;
                }
                // A policy may be in an update, where its engine asks nobody.
                if (listener.cancelled()) {
                    throw new CancellationException("The client wants no more.");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new CancellationException("The caller was interrupted.");
            }
        }
    }

    private void accept(int prompt, CompletionResult.Prompt[] known, BitSet accepted) {
        if (!accepted.get(prompt)) {
            accepted.set(prompt);
            listener.accepted(prompt, known[prompt]);
        }
    }

    private CompletionResult.Prompt scored(Event.Scored scored) {
        CompletionResult.Prompt prompt = prompts.get(scored.prompt);
        float[] logprobs = new float[prompt.tokens().length];
        logprobs[0] = Float.NaN;
        System.arraycopy(scored.logprobs, 0, logprobs, 1, scored.logprobs.length);
        List<Top> top = new ArrayList<>();
        if (request.likeliest() > 0) {
            top.add(Top.NONE);
            for (TopTokens each : scored.top) {
                top.add(each == null ? Top.NONE : ChoiceText.texts(tokenizer, each));
            }
        }
        return new CompletionResult.Prompt(prompt.text(), prompt.tokens(),
                new Piece(prompt.text(), prompt.tokens(), Arrays.asList(TokenTexts.of(tokenizer, prompt.tokens())),
                        logprobs, top));
    }

    private String weights(SortedSet<Long> versions) {
        return weights != null
                ? weights
                : "policy-" + versions.stream().map(String::valueOf).collect(Collectors.joining("-"));
    }

    private static void throwIfFailed(@Nullable Throwable failure) {
        switch (failure) {
            case null -> {
                // it did not fail
            }
            case RuntimeException exception -> throw exception;
            case Error error -> throw error;
            default -> throw new IllegalStateException(failure);
        }
    }

    // ---- on engine threads

    @Override
    public void scored(int prompt, float[] logprobs, @Nullable TopTokens[] top) {
        events.add(new Event.Scored(prompt, logprobs, top));
    }

    @Override
    public boolean token(int prompt, int completion, int token, float logprob, @Nullable TopTokens top) {
        int choice = prompt * request.n() + completion;
        events.add(new Event.Token(choice, token, logprob, top));
        return stopped.get(choice) == 0;
    }

    @Override
    public void version(long version) {
        events.add(new Event.Version(version));
    }

    @Override
    public void finished(int prompt, int completion, Completion whole) {
        events.add(new Event.Finished(prompt * request.n() + completion, whole.finishReason()));
    }

    @Override
    public void ended(@Nullable Throwable failure) {
        events.add(new Event.Ended(failure));
    }

    @Override
    public boolean cancelled() {
        return abandoned || listener.cancelled();
    }
}
