package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.spi.RewardFunction;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.StringLength;

class TextSimilarityTest {
    /** The table was made by src/interop/text_similarity.py. */
    @Test
    void shouldAgreeWithTheLibrariesThatPeopleUse() throws Exception {
        Set<TextSimilarity> seen = EnumSet.noneOf(TextSimilarity.class);
        List<String[]> rows = Tables.rows("text-similarity.tsv");
        assertThat(rows).hasSizeGreaterThan(800);
        for (String[] row : rows) {
            TextSimilarity metric = TextSimilarity.of(row[2]);
            seen.add(metric);
            assertThat(metric.of(String.valueOf(Json.read(row[0])), String.valueOf(Json.read(row[1]))))
                .as("%s of %s and %s", row[2], row[0], row[1])
                .isCloseTo(Double.parseDouble(row[3]), within(1e-9));
        }
        assertThat(seen).containsExactly(TextSimilarity.values());
    }

    @ParameterizedTest
    @EnumSource
    void shouldBeOneForTheSameTextAndZeroForNothingInCommon(TextSimilarity metric) throws Exception {
        String text = "five words and some more of them";
        double same = metric.of(text, text);
        // METEOR's penalty never quite vanishes: one chunk is a seventh of the matches here
        assertThat(same).isCloseTo(metric == TextSimilarity.METEOR ? 1 - 0.5 / (7 * 7 * 7) : 1, within(1e-12));
        assertThat(metric.of("aaa", "bbb")).isZero();
        assertThat(metric.of("aaa", "")).isZero();
        assertThat(metric.of("", "aaa")).isZero();
    }

    /** Against the table of all prefixes. */
    @Property(tries = 300)
    void shouldFindTheLongestCommonSubsequence(
            @ForAll @StringLength(max = 200) @CharRange(from = 'a', to = 'd') String a,
            @ForAll @StringLength(max = 200) @CharRange(from = 'a', to = 'd') String b) throws Exception {
        int[][] length = new int[a.length() + 1][b.length() + 1];
        for (int i = 1; i <= a.length(); i++) {
            for (int j = 1; j <= b.length(); j++) {
                length[i][j] = a.charAt(i - 1) == b.charAt(j - 1)
                        ? length[i - 1][j - 1] + 1
                        : Math.max(length[i - 1][j], length[i][j - 1]);
            }
        }
        assertThat(CommonSubsequence.length(a, b)).isEqualTo(length[a.length()][b.length()]);
    }

    @ParameterizedTest
    @EnumSource
    void shouldTakeLongTexts(TextSimilarity metric) throws Exception {
        List<String> words = new ArrayList<>();
        for (int i = 0; i < 8000; i++) {
            words.add("w" + i * 7919 % 1000);
        }
        String text = String.join(" ", words);
        assertThat(metric.of(text + " end", "begin " + text)).isBetween(0.9, 1.0);
    }

    @Test
    void shouldTakeEachIdeographForAWord() throws Exception {
        assertThat(Words.andSigns("\u6c49\u5b57 ok, \u597d!")).containsExactly("\u6c49", "\u5b57", "ok", ",", "\u597d",
                "!");
        assertThat(TextSimilarity.ROUGE_1.of("\u4eca\u5929\u597d", "\u4eca\u5929\u574f")).isCloseTo(2.0 / 3,
                within(1e-12));
    }

    @Test
    void shouldEndWhenInterrupted() {
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> TextSimilarity.FUZZY_MATCH.of("a".repeat(1000), "b"))
            .isInstanceOf(InterruptedException.class);
        assertThat(Thread.interrupted()).isFalse();
    }

    @Test
    void shouldGradeWithTemplates() throws Exception {
        try (RewardFunction grader = Rows.grader(new TextSimilarityGrader.Factory(),
                Map.of("input", "{{sample.output_text}}", "reference", "{{item.best}}", "evaluation_metric",
                        "rouge_1"))) {
            assertThat(grader.score(Rows.rollout("a b c", Map.of("best", "a b d")))).isCloseTo(2.0 / 3, within(1e-12));
        }
        assertThatThrownBy(() -> Rows.grader(new TextSimilarityGrader.Factory(),
                Map.of("input", "x", "reference", "y", "evaluation_metric", "rouge_6")))
            .hasMessageContaining("cosine, fuzzy_match, bleu, gleu, meteor, rouge_1");
    }
}
