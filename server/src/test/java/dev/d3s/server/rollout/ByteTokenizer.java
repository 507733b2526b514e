package dev.d3s.server.rollout;

import java.nio.charset.StandardCharsets;

import dev.d3s.server.model.Tokenizer;

/** One token per byte of UTF-8: the hardest case for decoding token by token. Ids from 256 on decode to nothing. */
final class ByteTokenizer implements Tokenizer {
    private boolean closed;

    @Override
    public int[] encode(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] tokens = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            tokens[i] = bytes[i] & 0xFF;
        }
        return tokens;
    }

    @Override
    public String decode(int[] tokens) {
        byte[] bytes = new byte[tokens.length];
        int length = 0;
        for (int token : tokens) {
            if (token < 256) {
                bytes[length++] = (byte) token;
            }
        }
        return new String(bytes, 0, length, StandardCharsets.UTF_8);
    }

    boolean closed() {
        return closed;
    }

    @Override
    public void close() {
        closed = true;
    }
}
