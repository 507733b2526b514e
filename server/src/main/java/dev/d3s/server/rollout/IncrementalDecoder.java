package dev.d3s.server.rollout;

import java.util.Arrays;

import dev.d3s.server.model.Tokenizer;

/**
 * Decodes the tokens of a completion one by one. A token may hold a part of a character only, and what a token means may depend on the one
 * before it, so text is the difference between decoding a short window with and without what is new, and waits while the
 * window ends inside a character. A character has at most four bytes: what still ends inside one after many tokens is no text, and is given out
 * but for its end, so that the window stays short. Not thread-safe.
 */
final class IncrementalDecoder {
    /** What a decoder puts in place of an incomplete character. */
    private static final char REPLACEMENT = '\uFFFD';
    /** Tokens that may wait for the end of a character. */
    private static final int MAX_WAITING = 8;
    /** Tokens that the end of a character may still take, and that therefore wait on. */
    private static final int MAX_REST = 3;

    private final Tokenizer tokenizer;
    private int[] tokens = new int[32];
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
            forget();
        }
        tokens[length++] = token;
        String before = text(context, decoded);
        String after = text(context, length);
        if (after.length() > before.length() && after.charAt(after.length() - 1) != REPLACEMENT) {
            return take(before, after, length);
        }
        if (length - decoded <= MAX_WAITING) {
            return "";
        }
        if (after.length() <= before.length()) {
            // nothing but special tokens
            return take(before, before, length);
        }
        for (int end = length - MAX_REST; end < length; end++) {
            String part = text(context, end);
            if (part.length() >= before.length() && (part + text(end, length)).equals(after)) {
                return take(before, part, end);
            }
        }
        return take(before, after, length);
    }

    /** @return what is left at the end, an incomplete character included */
    String rest() {
        return take(text(context, decoded), text(context, length), length);
    }

    private String take(String before, String after, int end) {
        context = decoded;
        decoded = end;
        return after.length() <= before.length() ? "" : after.substring(before.length());
    }

    private String text(int from, int to) {
        return tokenizer.decodeContinuation(Arrays.copyOfRange(tokens, from, to));
    }

    /** Makes room: what is before the window is not needed any more. */
    private void forget() {
        int kept = length - context;
        int[] window = kept > tokens.length / 2 ? new int[2 * tokens.length] : tokens;
        System.arraycopy(tokens, context, window, 0, kept);
        tokens = window;
        length = kept;
        decoded -= context;
        context = 0;
    }
}
