package dev.d3s.server.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;

class StopTextTest {
    @Test
    void shouldFindAStopTextAcrossPieces() {
        StopText stop = new StopText(List.of("END"));

        assertThat(stop.add("aE")).isEqualTo("a");
        assertThat(stop.add("N")).isEmpty();
        assertThat(stop.add("x")).isEqualTo("ENx");
        assertThat(stop.add("yEN")).isEqualTo("y");
        assertThat(stop.found()).isFalse();
        assertThat(stop.add("Dz")).isEmpty();
        assertThat(stop.found()).isTrue();
        assertThat(stop.text()).isEqualTo("aENxy");
        assertThat(stop.rest()).isEmpty();
    }

    @Example
    void shouldReleaseWhatOnlyLookedLikeAStopText() {
        StopText stop = new StopText(List.of("###"));

        assertThat(stop.add("a##")).isEqualTo("a");
        assertThat(stop.rest()).isEqualTo("##");
    }

    @Property
    void shouldCutWhereSearchingTheWholeTextWould(
            @ForAll @Size(max = 12) List<@CharRange(from = 'a', to = 'b') @StringLength(max = 3) String> pieces,
            @ForAll @Size(min = 1, max = 2) List<@CharRange(from = 'a', to = 'b') @StringLength(min = 1, max = 4) String> stops) {
        StopText stop = new StopText(stops);
        StringBuilder released = new StringBuilder();
        StringBuilder fed = new StringBuilder();
        for (String piece : pieces) {
            if (!stop.found()) {
                fed.append(piece);
                released.append(stop.add(piece));
            }
        }
        released.append(stop.rest());
        int end = stops.stream().mapToInt(fed::indexOf).filter(at -> at >= 0).min().orElse(-1);

        assertThat(stop.found()).isEqualTo(end >= 0);
        assertThat(released.toString()).isEqualTo(end < 0 ? fed.toString() : fed.substring(0, end))
            .isEqualTo(stop.text());
    }
}
