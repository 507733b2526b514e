package dev.d3s.server.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import dev.d3s.server.model.Tokenizer;

class IncrementalDecoderTest {
    private final ByteTokenizer tokenizer = new ByteTokenizer();
    private final IncrementalDecoder decoder = new IncrementalDecoder(tokenizer);

    @Test
    void shouldNeverSplitACharacter() {
        String text = "a\u00e9\u20ac\uD83D\uDE00z";
        List<String> pieces = new ArrayList<>();
        for (int token : tokenizer.encode(text)) {
            pieces.add(decoder.add(token));
        }

        assertThat(pieces).containsExactly("a", "", "\u00e9", "", "", "\u20ac", "", "", "", "\uD83D\uDE00", "z");
        assertThat(decoder.rest()).isEmpty();
    }

    @Test
    void shouldGiveOutAnIncompleteCharacterAtTheEnd() {
        assertThat(decoder.add(0xE2)).isEmpty();
        assertThat(decoder.rest()).isEqualTo("\uFFFD");
    }

    @Test
    void shouldAddNothingForSpecialTokens() {
        assertThat(decoder.add('x')).isEqualTo("x");
        assertThat(decoder.add(300)).isEmpty();
        assertThat(decoder.add('y')).isEqualTo("y");
    }

    @Test
    void shouldDecodeShortWindowsWhateverTheTokensAre() {
        int[] longest = new int[1];
        Tokenizer watched = new WatchedTokenizer(tokenizer, longest);
        IncrementalDecoder decoder = new IncrementalDecoder(watched);
        StringBuilder text = new StringBuilder();
        int[] tokens = new int[5000];
        for (int index = 0; index < tokens.length; index++) {
            // continuation bytes that continue nothing, lead bytes that nothing follows, special tokens
            tokens[index] = index < 2000 ? 0x80 : index < 4000 ? 0xF0 : 300;
            text.append(decoder.add(tokens[index]));
        }
        text.append(decoder.rest());

        assertThat(text.toString()).isEqualTo(tokenizer.decode(tokens));
        assertThat(longest[0]).as("tokens decoded at once").isLessThan(32);
    }

    /** Notes how many tokens are decoded at once. */
    private record WatchedTokenizer(Tokenizer tokenizer, int[] longest) implements Tokenizer {
        @Override
        public int[] encode(String text) {
            return tokenizer.encode(text);
        }

        @Override
        public String decode(int[] tokens) {
            longest[0] = Math.max(longest[0], tokens.length);
            return tokenizer.decode(tokens);
        }

        @Override
        public void close() {
            tokenizer.close();
        }
    }
}
