package dev.d3s.server.rollout;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.rollout.CompletionResult.Piece;
import dev.d3s.server.rollout.CompletionResult.Top;

/** The text of one choice while it grows. Used by one thread at a time. */
final class ChoiceText {
    private final int choice;
    private final CompletionListener listener;
    private final Tokenizer tokenizer;
    private final IncrementalDecoder decoder;
    private final StopText stop;
    private final List<String> pieces = new ArrayList<>();
    private final List<Top> tops = new ArrayList<>();
    private int[] tokens = new int[8];
    private float[] logprobs = new float[8];
    private int count;
    private int reported;

    ChoiceText(int choice, Tokenizer tokenizer, List<String> stops, CompletionListener listener) {
        this.choice = choice;
        this.tokenizer = tokenizer;
        this.listener = listener;
        decoder = new IncrementalDecoder(tokenizer);
        stop = new StopText(stops);
    }

    /** @return whether to go on; what is added after a stop text is ignored */
    boolean token(int token, float logprob, @Nullable TopTokens top) {
        if (stop.found()) {
            return false;
        }
        if (count == tokens.length) {
            tokens = Arrays.copyOf(tokens, 2 * count);
            logprobs = Arrays.copyOf(logprobs, 2 * count);
        }
        tokens[count] = token;
        logprobs[count++] = logprob;
        String piece = decoder.add(token);
        pieces.add(piece);
        if (top != null) {
            tops.add(texts(tokenizer, top));
        }
        report(stop.add(piece));
        return !stop.found();
    }

    /** With the text of each token by itself. */
    static Top texts(Tokenizer tokenizer, TopTokens top) {
        return new Top(top.tokens(),
                Arrays.stream(top.tokens()).mapToObj(token -> tokenizer.decode(new int[]{token})).toList(),
                top.logprobs());
    }

    /** The finished choice. */
    CompletionResult.Choice finish(int prompt, FinishReason engineReason) {
        String last = stop.found() ? "" : decoder.rest();
        if (!last.isEmpty()) {
            pieces.set(pieces.size() - 1, pieces.getLast() + last);
        }
        report(stop.add(last) + stop.rest());
        if (reported < count) {
            tell("");
        }
        FinishReason reason = stop.found() ? FinishReason.STOP : engineReason;
        listener.finished(choice, reason);
        return new CompletionResult.Choice(prompt, piece(stop.text(), 0), reason);
    }

    private void report(String text) {
        if (!text.isEmpty()) {
            tell(text);
        }
    }

    private void tell(String text) {
        Piece piece = piece(text, reported);
        reported = count;
        listener.text(choice, piece);
    }

    private Piece piece(String text, int from) {
        return new Piece(text, Arrays.copyOfRange(tokens, from, count), pieces.subList(from, count),
                Arrays.copyOfRange(logprobs, from, count), tops.isEmpty() ? List.of() : tops.subList(from, count));
    }
}
