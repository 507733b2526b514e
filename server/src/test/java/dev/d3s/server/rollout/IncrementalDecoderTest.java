package dev.d3s.server.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

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
}
