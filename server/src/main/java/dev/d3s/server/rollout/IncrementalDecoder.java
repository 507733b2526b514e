package dev.d3s.server.rollout;

import java.util.Arrays;

import dev.d3s.server.model.Tokenizer;

/**
 * Decodes tokens one by one. A token may hold a part of a character only, and what a token means may depend on the one
 * before it, so text is the difference between decoding a short window with and without what is new, and waits while the
 * window ends inside a character. Not thread-safe.
 */
final class IncrementalDecoder {
    /** What a decoder puts in place of an incomplete character. */
    private static final char REPLACEMENT = '\uFFFD';

    private final Tokenizer tokenizer;
    private int[] tokens = new int[16];
    private int length;
    /** Where the window begins: the tokens from here to {@link #decoded} are context only. */
    private int context;
    private int decoded;

    IncrementalDecoder(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /** @return the text that this token completes; empty when it takes further tokens */
    String add(int token) {
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, 2 * length);
        }
        tokens[length++] = token;
        String before = tokenizer.decode(Arrays.copyOfRange(tokens, context, decoded));
        String after = tokenizer.decode(Arrays.copyOfRange(tokens, context, length));
        if (after.length() <= before.length() || after.charAt(after.length() - 1) == REPLACEMENT) {
            return "";
        }
        context = decoded;
        decoded = length;
        return after.substring(before.length());
    }

    /** @return what is left at the end, an incomplete character included */
    String rest() {
        String before = tokenizer.decode(Arrays.copyOfRange(tokens, context, decoded));
        String after = tokenizer.decode(Arrays.copyOfRange(tokens, context, length));
        context = decoded;
        decoded = length;
        return after.length() <= before.length() ? "" : after.substring(before.length());
    }
}
