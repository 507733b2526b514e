package dev.d3s.plugins.baselines;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.spi.Plugin;

/** The native executable finds exactly the plugins that ServiceLoader finds on the JVM. */
class NativeMetadataTest {
    private static final String SERVICES = "META-INF/services/dev.d3s.spi.Plugin";
    private static final String METADATA = "META-INF/native-image/dev.d3s/d3s-plugins-baselines/reachability-metadata.json";

    @Test
    void shouldRegisterExactlyTheDeclaredProviders() throws IOException {
        List<String> declared = resource(SERVICES).lines()
            .map(String::strip)
            .filter(line -> !line.isEmpty() && !line.startsWith("#"))
            .toList();
        JsonNode metadata = new ObjectMapper().readTree(resource(METADATA));
        List<String> registered = new ArrayList<>();
        for (JsonNode entry : metadata.path("reflection")) {
            registered.add(entry.path("type").asText());
            assertThat(entry.path("methods")).singleElement().satisfies(method -> {
                assertThat(method.path("name").asText()).isEqualTo("<init>");
                assertThat(method.path("parameterTypes")).isEmpty();
            });
        }
        assertThat(registered).isNotEmpty().containsExactlyInAnyOrderElementsOf(declared);
        assertThat(metadata.path("resources").findValuesAsText("glob")).containsExactly(SERVICES);
    }

    @Test
    void shouldBeFoundByServiceLoader() {
        assertThat(ServiceLoader.load(Plugin.class)).filteredOn(BaselinesPlugin.class::isInstance).hasSize(1);
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = NativeMetadataTest.class.getClassLoader().getResourceAsStream(name)) {
            assertThat(in).as(name).isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
