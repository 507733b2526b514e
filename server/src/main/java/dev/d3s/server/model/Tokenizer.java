package dev.d3s.server.model;

/** Text to token ids and back. Thread-safe. */
public interface Tokenizer extends AutoCloseable {
    /** Token ids of a text; no special tokens are added. */
    int[] encode(String text);

    /** Text of token ids, special tokens left out. */
    String decode(int[] tokens);

    @Override
    void close();
}
