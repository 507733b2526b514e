package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;

import jakarta.enterprise.inject.Alternative;
import jakarta.inject.Singleton;

import dev.d3s.server.rollout.BusyException;
import dev.d3s.server.rollout.CompletionListener;
import dev.d3s.server.rollout.CompletionRequest;
import dev.d3s.server.rollout.CompletionRequest.Prompt;
import dev.d3s.server.rollout.CompletionResult;
import dev.d3s.server.rollout.CompletionResult.Piece;
import dev.d3s.server.rollout.CompletionResult.Top;
import dev.d3s.server.rollout.Completions;
import dev.d3s.server.rollout.FinishReason;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * Completes any prompt with the letters of "abcdef", one token each, up to the limit. A token is a character. A
 * conversation is completed with what its last message says; one that says "busy" is refused, one that says "wait"
 * ends when its client goes, and one that says "closed" as that of a policy whose job pauses.
 */
@Alternative
@Singleton
public class ScriptedCompletions implements Completions {
    private static final int CONTEXT = 64;

    /** A permit for each request that waits for its client to go away. */
    final Semaphore waiting = new Semaphore(0);

    /** Requests whose client went away while they waited. */
    final BlockingQueue<String> gone = new LinkedBlockingQueue<>();

    @Override
    public CompletionResult complete(CompletionRequest request, CompletionListener listener) {
        List<CompletionResult.Prompt> prompts = new ArrayList<>();
        List<CompletionResult.Choice> choices = new ArrayList<>();
        for (Prompt prompt : request.prompts()) {
            String answer = prompt instanceof Prompt.Chat chat
                    ? String.valueOf(chat.messages().getLast().get("content"))
                    : "abcdef";
            int[] tokens = switch (prompt) {
                case Prompt.Text text -> text.text().chars().toArray();
                case Prompt.Tokens ids -> ids.tokens();
                case Prompt.Chat chat -> chat.messages().toString().substring(0, 10).chars().toArray();
            };
            if (answer.equals("busy")) {
                throw new BusyException("Too much waits.", 2);
            }
            if (tokens.length >= CONTEXT) {
                throw new D3sException(ErrorCategory.USER, "context_length_exceeded", "The prompt has " + tokens.length
                        + " tokens, but the context of the model is " + CONTEXT + ": shorten it.");
            }
            String promptText = new String(tokens, 0, tokens.length);
            CompletionResult.Prompt known = new CompletionResult.Prompt(promptText, tokens,
                    request.scorePrompts() ? piece(promptText, request.likeliest(), true) : null);
            prompts.add(known);
            listener.accepted(prompts.size() - 1, known);
            for (int i = 0; i < request.n(); i++) {
                choices.add(choice(request, answer, prompts.size() - 1, choices.size(), listener));
            }
        }
        return new CompletionResult(prompts, choices,
                new CompletionResult.Usage(prompts.stream().mapToInt(prompt -> prompt.tokens().length).sum(),
                        choices.stream().mapToInt(choice -> choice.whole().tokens().length).sum()),
                "weights-1");
    }

    private CompletionResult.Choice choice(CompletionRequest request, String answer, int prompt, int index,
            CompletionListener listener) {
        String text = answer;
        if (answer.equals("wait")) {
            waiting.release();
        }
        while (answer.equals("wait")) {
            if (listener.cancelled()) {
                gone.add(answer);
                throw new CancellationException();
            }
            Thread.onSpinWait();
        }
        FinishReason finish = FinishReason.STOP;
        if (request.sampling().maxTokens() < text.length()) {
            text = text.substring(0, request.sampling().maxTokens());
            finish = FinishReason.LENGTH;
        }
        for (String stop : request.stop()) {
            if (text.contains(stop)) {
                text = text.substring(0, text.indexOf(stop));
                finish = FinishReason.STOP;
            }
        }
        for (int at = 0; at < text.length(); at++) {
            listener.text(index, piece(text.substring(at, at + 1), request.likeliest(), false));
            if (answer.equals("closed")) {
                throw new D3sException(ErrorCategory.RESOURCES, "model_closed", "The model was closed; ask again.");
            }
        }
        listener.finished(index, finish);
        return new CompletionResult.Choice(prompt, piece(text, request.likeliest(), false), finish);
    }

    private static Piece piece(String text, int likeliest, boolean first) {
        float[] logprobs = new float[text.length()];
        Arrays.fill(logprobs, -0.5f);
        List<Top> top = new ArrayList<>();
        for (int i = 0; i < text.length(); i++) {
            top.add(new Top(new int[]{'z'}, List.of("z"), new float[]{-0.25f}));
        }
        if (first) {
            logprobs[0] = Float.NaN;
        }
        return new Piece(text, text.chars().toArray(), text.chars().mapToObj(Character::toString).toList(), logprobs,
                likeliest == 0 ? List.of() : top);
    }
}
