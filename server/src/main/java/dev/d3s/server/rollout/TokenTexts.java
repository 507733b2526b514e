package dev.d3s.server.rollout;

import dev.d3s.server.model.Tokenizer;

/** Cuts the text of a completion up by its tokens. */
public final class TokenTexts {
    private TokenTexts() {}

    /**
     * The text that each token completes. A character that is spread over several tokens belongs to the last of them, and a
     * special token has no text, so together they are the text of the whole. What ends inside a character belongs to the
     * last token.
     *
     * @param tokens {@code [T]}
     * @return {@code [T]}
     */
    public static String[] of(Tokenizer tokenizer, int[] tokens) {
        IncrementalDecoder decoder = new IncrementalDecoder(tokenizer);
        String[] texts = new String[tokens.length];
        for (int t = 0; t < tokens.length; t++) {
            texts[t] = decoder.add(tokens[t]);
        }
        if (tokens.length > 0) {
            texts[tokens.length - 1] += decoder.rest();
        }
        return texts;
    }
}
