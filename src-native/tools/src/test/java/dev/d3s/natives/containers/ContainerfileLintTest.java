package dev.d3s.natives.containers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class ContainerfileLintTest {
    private static final Path PROJECT = Path.of("../..").toAbsolutePath().normalize();

    static List<Path> shouldKeepOurOwnRules() throws IOException {
        try (Stream<Path> files = Files.list(PROJECT.resolve("containers"))) {
            return files.filter(file -> file.getFileName().toString().startsWith("Containerfile.")).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource
    void shouldKeepOurOwnRules(Path file) throws IOException {
        assertThat(ContainerfileLint.mistakes(Files.readString(file), PROJECT)).isEmpty();
    }

    @Test
    void shouldHaveThreeImages() throws IOException {
        assertThat(shouldKeepOurOwnRules()).extracting(file -> file.getFileName().toString())
            .containsExactly("Containerfile.cuda", "Containerfile.jvm", "Containerfile.native");
    }

    @Test
    void shouldHaveCommandsThatCanBeRun() {
        assertThat(PROJECT.resolve("containers/d3s")).isExecutable();
        assertThat(PROJECT.resolve("containers/health")).isExecutable();
    }

    /** Each changes one thing in a file of ours that has no mistake. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            eclipse-temurin:25.0.1_8-jre-noble                 | eclipse-temurin                       | has no tag
            eclipse-temurin:25.0.1_8-jre-noble                 | eclipse-temurin:latest                | whatever is newest
            docker.io/library/eclipse-temurin:25.0.1_8-jre     | eclipse-temurin:25.0.1_8-jre          | names no registry
            USER 10001:0                                       | USER d3s                              | is no number
            USER 10001:0                                       | USER 0                                | is no number
            USER 10001:0                                       | WORKDIR /                             | has no USER
            COPY --chmod=755 containers/d3s                    | ADD https://example.org/d3s           | ADD unpacks
            COPY --chmod=755 containers/d3s                    | COPY --chmod=755 containers/gone      | containers/gone does not exist
            COPY --from=build /collected/natives               | COPY --from=builder /collected/natives | no earlier stage 'builder'
            HEALTHCHECK                                        | STOPSIGNAL SIGTERM #                  | has no HEALTHCHECK
            ENTRYPOINT ["/usr/local/bin/d3s"]                  | ENTRYPOINT /usr/local/bin/d3s         | a shell would be process 1
            ENV D3S_HOME=/var/lib/d3s                          | ENV DB_PASSWORD=geheim D3S_HOME=/d    | looks like a secret
            org.opencontainers.image.revision                  | revision                              | no label org.opencontainers.image.revision
            -Dmaven.test.skip                                  | -DskipTests                           | compiles tests
            ./mvnw -B                                          | curl https://example.org/i PIPE sh; ./mvnw -B | without looking
            """)
    void shouldFindEachMistake(String right, String wrong, String expected) throws IOException {
        String file = Files.readString(PROJECT.resolve("containers/Containerfile.jvm"));
        assertThat(file).contains(right);
        assertThat(ContainerfileLint.mistakes(file.replace(right, wrong.replace("PIPE", "|")), PROJECT))
            .anySatisfy(mistake -> assertThat(mistake.toLowerCase(Locale.ROOT))
                .contains(expected.toLowerCase(Locale.ROOT)));
    }

    @Test
    void shouldRefuseOneStage() {
        assertThat(ContainerfileLint.mistakes("FROM docker.io/library/debian:13\nUSER 10001\n", PROJECT))
            .contains("one stage only: build in one and copy what is needed into another");
    }
}
