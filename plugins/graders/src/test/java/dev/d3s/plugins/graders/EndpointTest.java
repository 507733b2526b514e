package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.GraderServices;

class EndpointTest {
    private static List<String> problems(String url, GraderServices services) {
        List<ConfigProblem> problems = new ArrayList<>();
        Endpoint.of("url", url, services, problems);
        return problems.stream().map(ConfigProblem::message).toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://127.0.0.1/x", "http://localhost:8080", "https://[::1]:443/", "http://192.168.0.1",
            "http://[::ffff:127.0.0.1]/", "http://0/", "http://2130706433/"})
    void shouldRefuseAnInternalUrlWhenAJobIsSubmitted(String url) {
        assertThat(problems(url, GraderServices.none())).singleElement()
            .asString()
            .containsAnyOf("to d3s.network.allow", "There is no host");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "graders", "/x", "ftp://example.org", "file:///etc/passwd", "http://", "http://a:b@c/",
            "http://a/#b", "http://a b/", "http:a"})
    void shouldRefuseWhatIsNoUrl(String url) {
        assertThat(problems(url, Services.simple())).hasSize(1);
    }

    @Test
    void shouldAllowWhatTheOperatorAllows() {
        assertThat(problems("http://127.0.0.1:1234/x", Services.simple())).isEmpty();
        assertThat(problems("https://graders.example.org/x?y=z", GraderServices.none())).isEmpty();
    }
}
