package dev.d3s.plugins.testkit;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.JarURLConnection;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.spi.Plugin;
import dev.d3s.spi.PluginFactory;

/**
 * What a plugin's jar promises: that the server finds it, on the JVM through {@code META-INF/services} and as part of a
 * native executable through {@code reachability-metadata.json}, and that it offers each name once. Its author's test is
 *
 * <pre>{@code
 * class MyPluginTest extends PluginContract {
 *     @Override
 *     protected Plugin plugin() {
 *         return new MyPlugin();
 *     }
 * }
 * }</pre>
 */
public abstract class PluginContract {
    private static final String SERVICES = "META-INF/services/" + Plugin.class.getName();
    private static final String METADATA = "META-INF/native-image/";
    private static final String METADATA_FILE = "reachability-metadata.json";

    /** The plugin under test. */
    protected abstract Plugin plugin();

    @Test
    @DisplayName("A plugin is found by ServiceLoader")
    final void shouldBeFoundByServiceLoader() {
        Class<?> type = plugin().getClass();
        boolean found;
        try {
            found = ServiceLoader.load(Plugin.class, loader()).stream().anyMatch(entry -> entry.type() == type);
            ServiceLoader.load(Plugin.class, loader()).stream().filter(entry -> entry.type() == type).forEach(entry -> {
                entry.get();
            });
        } catch (ServiceConfigurationError e) {
            fail("ServiceLoader failed: " + e.getMessage() + ". Let " + SERVICES
                    + " name public classes that have a public constructor without parameters.", e);
            return;
        }
        if (!found) {
            fail("ServiceLoader does not find " + type.getName() + ": write its name into " + SERVICES + ".");
        }
    }

    @Test
    @DisplayName("The native executable finds exactly the plugins that ServiceLoader finds")
    final void shouldRegisterExactlyTheDeclaredPlugins() throws IOException {
        List<JsonNode> metadata = metadata();
        Set<String> registered = new HashSet<>();
        for (JsonNode file : metadata) {
            for (JsonNode entry : file.path("reflection")) {
                String type = entry.path("type").asText();
                if (isPlugin(type) && hasConstructor(entry)) {
                    registered.add(type);
                }
            }
        }
        Set<String> declared = declared();
        for (String type : declared) {
            if (!registered.contains(type)) {
                fail(SERVICES + " names " + type + ", but no " + METADATA + "<group>/<artifact>/" + METADATA_FILE
                        + " registers it. Add under \"reflection\": {\"type\": \"" + type
                        + "\", \"methods\": [{\"name\": \"<init>\", \"parameterTypes\": []}]}.");
            }
        }
        for (String type : registered) {
            if (!declared.contains(type)) {
                fail(METADATA_FILE + " registers " + type + ", which " + SERVICES
                        + " does not name: add it there, or take it"
                        + " out here.");
            }
        }
    }

    @Test
    @DisplayName("The native executable contains the services file")
    final void shouldRegisterTheServicesFile() throws IOException {
        for (JsonNode file : metadata()) {
            for (JsonNode resource : file.path("resources")) {
                if (resource.path("glob").asText().equals(SERVICES)) {
                    return;
                }
            }
        }
        fail("No " + METADATA + "<group>/<artifact>/" + METADATA_FILE
                + " contains the services file. Add under \"resources\": {\"glob\": \"" + SERVICES + "\"}.");
    }

    @Test
    @DisplayName("A plugin offers something, and each name once within its kind")
    final void shouldOfferEachNameOnce() {
        Plugin plugin = plugin();
        Map<String, Function<Plugin, List<? extends PluginFactory<?>>>> kinds = Map.of("rolloutSelectors",
                Plugin::rolloutSelectors, "tokenSelectors", Plugin::tokenSelectors, "schedules", Plugin::schedules,
                "rewardFunctions", Plugin::rewardFunctions);
        int offered = 0;
        for (Map.Entry<String, Function<Plugin, List<? extends PluginFactory<?>>>> kind : kinds.entrySet()) {
            Set<String> names = new HashSet<>();
            for (PluginFactory<?> factory : kind.getValue().apply(plugin)) {
                offered++;
                if (!names.add(factory.name())) {
                    fail(kind.getKey() + "() offers '" + factory.name()
                            + "' twice: give each factory a name of its own.");
                }
            }
        }
        if (offered == 0) {
            fail(plugin.getClass().getName()
                    + " offers nothing: override rolloutSelectors(), tokenSelectors(), schedules()"
                    + " or rewardFunctions().");
        }
    }

    private ClassLoader loader() {
        return plugin().getClass().getClassLoader();
    }

    private boolean isPlugin(String type) {
        try {
            return Plugin.class.isAssignableFrom(Class.forName(type, false, loader()));
        } catch (ClassNotFoundException | LinkageError e) {
            return true; // nobody else has a reason to register what does not exist
        }
    }

    private static boolean hasConstructor(JsonNode entry) {
        for (JsonNode method : entry.path("methods")) {
            if (method.path("name").asText().equals("<init>") && method.path("parameterTypes").isArray()
                    && method.path("parameterTypes").isEmpty()) {
                return true;
            }
        }
        return entry.path("allDeclaredConstructors").asBoolean() || entry.path("allPublicConstructors").asBoolean();
    }

    /** The services file that names this plugin, or the first; {@code null} where there is none. */
    private @Nullable URL servicesFile() throws IOException {
        URL first = null;
        for (URL url : Collections.list(loader().getResources(SERVICES))) {
            first = first == null ? url : first;
            if (names(url).contains(plugin().getClass().getName())) {
                return url;
            }
        }
        return first;
    }

    private Set<String> declared() throws IOException {
        URL services = servicesFile();
        return services == null ? Set.of() : names(services);
    }

    private static Set<String> names(URL services) throws IOException {
        URLConnection connection = services.openConnection();
        connection.setUseCaches(false);
        try (InputStream in = connection.getInputStream()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines()
                .map(line -> line.replaceAll("#.*", "").strip())
                .filter(line -> !line.isEmpty())
                .collect(Collectors.toSet());
        }
    }

    /** Every metadata file of the directory or jar that has the services file. */
    private List<JsonNode> metadata() throws IOException {
        URL services = servicesFile();
        if (services == null) {
            return List.of();
        }
        try {
            if (services.openConnection() instanceof JarURLConnection jar) {
                URI file = jar.getJarFileURL().toURI();
                try (FileSystem files = FileSystems.newFileSystem(Path.of(file))) {
                    return metadata(files.getPath("/"));
                }
            }
            Path root = Path.of(services.toURI());
            for (int depth = Path.of(SERVICES).getNameCount(); depth > 0; depth--) {
                root = parent(root);
            }
            return metadata(root);
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
    }

    private static Path parent(Path path) {
        Path parent = path.getParent();
        return parent == null ? path : parent;
    }

    private static List<JsonNode> metadata(Path root) throws IOException {
        Path directory = root.resolve(METADATA);
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        List<JsonNode> metadata = new ArrayList<>();
        ObjectMapper mapper = new ObjectMapper();
        try (Stream<Path> files = Files.walk(directory)) {
            files.filter(file -> file.endsWith(METADATA_FILE)).forEach(file -> {
                try (InputStream in = Files.newInputStream(file)) {
                    metadata.add(mapper.readTree(in));
                } catch (IOException e) {
                    throw new UncheckedIOException(file + " cannot be read", e);
                }
            });
        }
        return metadata;
    }
}
