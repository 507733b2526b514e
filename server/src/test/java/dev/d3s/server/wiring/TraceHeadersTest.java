package dev.d3s.server.wiring;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TraceHeadersTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            authorization=Bearer%20abc                    | authorization=Bearer abc
            authorization=Basic a+b/c=, x-scope-orgid=lab | authorization=Basic a+b/c=,x-scope-orgid=lab
            x-a=1%2C2,,x-b=%C3%A4                         | x-a=1\\,2,x-b=ä
            x-a=100%                                      | x-a=100%
            ``                                            | ``
            """)
    void shouldDecodeEachHeader(String variable, String headers) {
        assertThat(TraceHeaders.decoded(variable)).isEqualTo(headers);
    }
}
