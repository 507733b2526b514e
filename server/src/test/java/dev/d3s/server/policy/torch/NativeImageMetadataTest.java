package dev.d3s.server.policy.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.ServiceLoader;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import ai.djl.engine.EngineProvider;

/**
 * d3s-native's metadata names classes of both engines, which only this module has. A name that an engine's next version no
 * longer knows would be a crash in the native executable, and is a failure here.
 */
class NativeImageMetadataTest {
    private static final String METADATA = "META-INF/native-image/dev.d3s/d3s-native/reachability-metadata.json";

    private final ClassLoader loader = NativeImageMetadataTest.class.getClassLoader();

    @Test
    void shouldNameClassesAndMembersThatExist() throws IOException {
        for (JsonNode entry : metadata().get("reflection")) {
            String name = entry.get("type").asText();
            Class<?> type = type(name);
            for (JsonNode field : entry.path("fields")) {
                assertThat(type.getDeclaredFields()).as(name).extracting("name").contains(field.get("name").asText());
            }
            for (JsonNode method : entry.path("methods")) {
                Class<?>[] parameters = parameters(method);
                assertThatCode(() -> {
                    if (method.get("name").asText().equals("<init>")) {
                        type.getDeclaredConstructor(parameters);
                    } else {
                        type.getDeclaredMethod(method.get("name").asText(), parameters);
                    }
                }).as(name + " " + method).doesNotThrowAnyException();
            }
        }
    }

    @Test
    void shouldNameResourcesThatExist() throws IOException {
        List<String> globs = new ArrayList<>();
        metadata().get("resources").forEach(entry -> globs.add(entry.get("glob").asText()));
        assertThat(globs).contains("torchscript/*");
        for (String glob : globs) {
            if (glob.contains("libzstd-jni-*")) {
                assertThat(filesWith("com/github/luben/zstd/Zstd.class")).as(glob)
                    .anyMatch(Pattern.compile(glob.replace("*", "[0-9.-]+")).asMatchPredicate());
            } else {
                String example = glob.replace("*", "policy.torchscript");
                assertThat(loader.getResource(example)).as(example).isNotNull();
            }
        }
    }

    @Test
    void shouldRegisterEveryEngineProvider() throws IOException {
        List<String> registered = new ArrayList<>();
        metadata().get("reflection").forEach(entry -> registered.add(entry.get("type").asText()));
        assertThat(registered).containsAll(ServiceLoader.load(EngineProvider.class)
            .stream()
            .map(provider -> provider.type().getName())
            .toList());
    }

    /** Names in the jar that has this one. */
    private List<String> filesWith(String resource) throws IOException {
        JarURLConnection connection = (JarURLConnection) Objects.requireNonNull(loader.getResource(resource))
            .openConnection();
        return connection.getJarFile().stream().map(ZipEntry::getName).toList();
    }

    private JsonNode metadata() throws IOException {
        try (InputStream stream = loader.getResourceAsStream(METADATA)) {
            return new ObjectMapper().readTree(stream);
        }
    }

    private Class<?>[] parameters(JsonNode method) {
        return Stream.of(new ObjectMapper().convertValue(method.get("parameterTypes"), String[].class))
            .map(this::type)
            .toArray(Class<?>[]::new);
    }

    /** A class by the name it has in source code. */
    private Class<?> type(String name) {
        if (name.endsWith("[]")) {
            return type(name.substring(0, name.length() - 2)).arrayType();
        }
        return switch (name) {
            case "boolean" -> boolean.class;
            case "byte" -> byte.class;
            case "short" -> short.class;
            case "int" -> int.class;
            case "long" -> long.class;
            case "float" -> float.class;
            case "double" -> double.class;
            default -> load(name);
        };
    }

    private Class<?> load(String name) {
        try {
            return Class.forName(name, false, loader);
        } catch (ClassNotFoundException e) {
            throw new AssertionError(METADATA + " names " + name, e);
        }
    }
}
