package dev.d3s.server.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.request.InvalidRequestException;

class RequestJsonTest {
    private final RequestJson json = new RequestJson(new ObjectMapper());

    private void refused(String body, String words) {
        assertThatThrownBy(() -> json.read(body)).isInstanceOfSatisfying(InvalidRequestException.class,
                e -> assertThat(e.text().length()).isLessThan(3000))
            .hasMessageContaining(words);
    }

    @Test
    void shouldRefuseWhatIsMeantToCostMuch() {
        refused("[".repeat(100_000) + "]".repeat(100_000), "nesting depth");
        refused("{\"a\":".repeat(100) + "1" + "}".repeat(100), "nesting depth");
        refused("{\"steps\": " + "9".repeat(1_000_000) + "}", "Number value length");
        refused("{\"" + "a".repeat(100_000) + "\": 1}", "Name length");
        refused("[" + "1,".repeat(3_000_000) + "1]", "Token count");
        StringBuilder members = new StringBuilder("{");
        for (int member = 0; member < 1_100_000; member++) {
            members.append("\"m").append(member).append("\":0,");
        }
        refused(members.append("\"z\":1}").toString(), "Token count");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"{\"a\": 1, \"a\": 2} | Duplicate", "{} {} | Trailing token",
            "{\"a\": NaN} | NaN",
            "{\"a\": 01} | Leading zeroes", "{'a': 1} | Unexpected character", "'' | has no body", "{\"a\": +1} | '+'",
            "nul | Unrecognized token", "{\"a\": \"x\ty\"} | Illegal unquoted character"})
    void shouldRefuseWhatIsNotJson(String body, String words) {
        refused(body, words);
    }

    @Test
    void shouldNameTheTextThatCannotBeStored() {
        refused("{\"a\": [{\"b\": \"x\\u0000y\"}]}", "'a[0].b'");
        refused("{\"a\": \"\\ud800\"}", "'a'");
        refused("{\"a\": \"\\udc00\\ud800\"}", "'a'");
        refused("{\"x\": {\"a\\u0000\": 1}}", "'x'");
        assertThat(json.read("{\"a\": \"\\ud83d\\ude00 \\n \\u20ac\"}").path("a").textValue()).endsWith("\u20ac");
    }

    @Test
    void shouldReadNumbersBeyondAllRanges() {
        assertThat(json.read("{\"a\": 1e999999999, \"b\": -1e-999999999, \"c\": 99999999999999999999}")
            .path("a")
            .isNumber())
            .isTrue();
    }
}
