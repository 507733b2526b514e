package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

class PorterStemmerTest {
    /** The table was made by src/interop/porter.py. */
    @Test
    void shouldStemAsThePaperDoes() {
        List<String[]> rows = Tables.rows("porter.tsv");
        assertThat(rows).hasSize(1500)
            .allSatisfy(row -> assertThat(PorterStemmer.stem(row[0])).as(row[0]).isEqualTo(row[1]));
    }

    @Test
    void shouldLeaveOtherWordsAlone() {
        for (String word : List.of("", "is", "gr\u00fc\u00dfe", "x2ing", "Running", "\u6c49\u5b57")) {
            assertThat(PorterStemmer.stem(word)).isEqualTo(word);
        }
    }
}
