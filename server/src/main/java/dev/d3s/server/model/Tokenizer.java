package dev.d3s.server.model;

/**
 * Text to token ids and back. Thread-safe.
 *
 * <p>A model works on ids. Generated ids are kept as they were generated: they are decoded for people and graders, and no text that
 * came from them is ever encoded again, because that may give other ids.
 */
public interface Tokenizer extends AutoCloseable {
    /**
     * Token ids of a text; no special tokens are added, those written in the text are read as such. For what a {@link ChatTemplate}
     * rendered, which already begins as the model wants it.
     */
    int[] encode(String text);

    /**
     * Token ids of a plain text that a model goes on with: {@link #encode} behind what the model wants at the beginning of every
     * sequence, which is one token in some families (Llama, Mistral) and nothing in others (Qwen). As in transformers, special tokens written in the text are
     * read as such. What some tokenizers add behind a text is left out, because the text goes on.
     */
    default int[] encodePrompt(String text) {
        return encode(text);
    }

    /**
     * Token ids of a text that stands behind another one. Some families (Llama 2, Mistral) put a blank before whatever a text begins with; behind
     * another text it would be a blank that nobody wrote.
     */
    default int[] encodeContinuation(String text) {
        return encode(text);
    }

    /** Text of token ids from the beginning of a text, special tokens left out. */
    String decode(int[] tokens);

    /**
     * Text of token ids that stand behind others, special tokens left out: a completion, or a part of one. The blank that {@link #decode} takes away from the
     * beginning of a text, in the families that put one there, is kept.
     */
    default String decodeContinuation(int[] tokens) {
        return decode(tokens);
    }

    @Override
    void close();
}
