package dev.d3s.server.model;

/** Text to token ids and back. Thread-safe. */
public interface Tokenizer extends AutoCloseable {
    /**
     * Token ids of a text; no special tokens are added, those written in the text are read as such. For completions, and for what a
     * {@link ChatTemplate} rendered, which already begins as the model wants it.
     */
    int[] encode(String text);

    /**
     * Token ids of a plain text that a model goes on with: {@link #encode} behind what the model wants at the beginning of every sequence, which
     * is one token in some families (Llama, Mistral) and nothing in others (Qwen).
     */
    default int[] encodePrompt(String text) {
        return encode(text);
    }

    /** Text of token ids, special tokens left out. */
    String decode(int[] tokens);

    @Override
    void close();
}
