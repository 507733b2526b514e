package dev.d3s.server.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class TokenTextsTest {
    private final ByteTokenizer tokenizer = new ByteTokenizer();

    @Test
    void shouldGiveACharacterToTheTokenThatCompletesIt() {
        assertThat(TokenTexts.of(tokenizer, tokenizer.encode("a\u20acz"))).containsExactly("a", "", "", "\u20ac", "z");
    }

    @Test
    void shouldGiveAnUnfinishedCharacterToTheLastToken() {
        assertThat(TokenTexts.of(tokenizer, new int[]{'a', 0xE2, 0x82})).containsExactly("a", "", "\uFFFD");
    }

    @Test
    void shouldGiveNoTextToSpecialTokens() {
        assertThat(TokenTexts.of(tokenizer, new int[]{'a', 300, 'b', 301})).containsExactly("a", "", "b", "");
        assertThat(TokenTexts.of(tokenizer, new int[0])).isEmpty();
    }

    /** Ids from 256 on are special; most random bytes are no valid text. */
    @Property
    void shouldBeTheTextOfTheWhole(@ForAll List<@IntRange(min = 0, max = 270) Integer> given) {
        int[] tokens = given.stream().mapToInt(Integer::intValue).toArray();
        assertThat(String.join("", TokenTexts.of(tokenizer, tokens))).isEqualTo(tokenizer.decode(tokens));
    }
}
