package dev.d3s.server.rollout;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import dev.d3s.server.model.Tokenizer;

/** The text of one choice while it grows. Used by one thread at a time. */
final class ChoiceText {
    private final int choice;
    private final CompletionListener listener;
    private final IncrementalDecoder decoder;
    private final StopText stop;
    private final List<String> pieces = new ArrayList<>();
    private int[] tokens = new int[8];
    private float[] logprobs = new float[8];
    private int count;
    private int reported;

    ChoiceText(int choice, Tokenizer tokenizer, List<String> stops, CompletionListener listener) {
        this.choice = choice;
        this.listener = listener;
        decoder = new IncrementalDecoder(tokenizer);
        stop = new StopText(stops);
    }

    /** @return whether to go on */
    boolean token(int token, float logprob) {
        if (count == tokens.length) {
            tokens = Arrays.copyOf(tokens, 2 * count);
            logprobs = Arrays.copyOf(logprobs, 2 * count);
        }
        tokens[count] = token;
        logprobs[count++] = logprob;
        String piece = decoder.add(token);
        pieces.add(piece);
        report(stop.add(piece));
        return !stop.found();
    }

    /** The finished choice. */
    CompletionResult.Choice finish(int prompt, Completion completion) {
        String last = decoder.rest();
        if (!last.isEmpty()) {
            pieces.set(pieces.size() - 1, pieces.getLast() + last);
        }
        report(stop.add(last) + stop.rest());
        if (reported < count) {
            tell("");
        }
        FinishReason reason = stop.found() ? FinishReason.STOP : completion.finishReason();
        listener.finished(choice, reason);
        return new CompletionResult.Choice(prompt, stop.text(), completion.tokens(), pieces, completion.logprobs(),
                reason);
    }

    private void report(String text) {
        if (!text.isEmpty()) {
            tell(text);
        }
    }

    private void tell(String text) {
        listener.text(choice, text, Arrays.copyOfRange(tokens, reported, count),
                List.copyOf(pieces.subList(reported, count)), Arrays.copyOfRange(logprobs, reported, count));
        reported = count;
    }
}
