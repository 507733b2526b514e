package dev.d3s.plugins.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.plugins.testkit.sample.EmptyPlugin;
import dev.d3s.plugins.testkit.sample.GoodPlugin;
import dev.d3s.plugins.testkit.sample.HiddenPlugin;
import dev.d3s.plugins.testkit.sample.TwicePlugin;
import dev.d3s.spi.Plugin;

class PluginContractTest {
    private static final String SAMPLES = GoodPlugin.class.getPackageName() + ".";
    private static final String SERVICES = "META-INF/services/dev.d3s.spi.Plugin";
    private static final String METADATA = "META-INF/native-image/org.example/sample/reachability-metadata.json";
    private static final String SERVICES_GLOB = "\"resources\": [{\"glob\": \"" + SERVICES + "\"}]";
    private static final String CONSTRUCTOR = "\"methods\": [{\"name\": \"<init>\", \"parameterTypes\": []}]";

    @TempDir
    static Path directory;

    /** An author's test, with the plugin of a jar. */
    static final class Subject extends PluginContract {
        private static Plugin plugin = new GoodPlugin();

        @Override
        protected Plugin plugin() {
            return plugin;
        }
    }

    /** What a jar has beside classes. */
    private record Content(Class<?> plugin, String services, String metadata) {
        static Content of(Class<?> plugin) {
            return new Content(plugin, "# ours\n" + plugin.getName() + " # the only one\n",
                    registering(plugin.getName()));
        }

        Content services(String other) {
            return new Content(plugin, other, metadata);
        }

        Content metadata(String other) {
            return new Content(plugin, services, other);
        }
    }

    private static String registering(String... types) {
        return "{\"reflection\": ["
                + String.join(", ",
                        List.of(types)
                            .stream()
                            .map(type -> "{\"type\": \"" + type + "\", " + CONSTRUCTOR + "}")
                            .toList())
                + "], " + SERVICES_GLOB + "}";
    }

    /** Hides the samples of the test's class path, so that they come from a jar. */
    private static final class WithoutSamples extends ClassLoader {
        WithoutSamples() {
            super(PluginContractTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith(SAMPLES)) {
                throw new ClassNotFoundException(name);
            }
            return super.loadClass(name, resolve);
        }
    }

    private static Map<String, byte[]> files(Content content) throws IOException {
        Map<String, byte[]> files = new LinkedHashMap<>();
        for (Class<?> type : List.of(GoodPlugin.class, HiddenPlugin.class, EmptyPlugin.class, TwicePlugin.class)) {
            addClass(files, type.getName());
        }
        addClass(files, GoodPlugin.class.getName() + "$Factory");
        if (!content.services().isEmpty()) {
            files.put(SERVICES, content.services().getBytes(StandardCharsets.UTF_8));
        }
        if (!content.metadata().isEmpty()) {
            files.put(METADATA, content.metadata().getBytes(StandardCharsets.UTF_8));
        }
        return files;
    }

    private static void addClass(Map<String, byte[]> files, String type) throws IOException {
        String name = type.replace('.', '/') + ".class";
        try (InputStream in = Objects
            .requireNonNull(PluginContractTest.class.getClassLoader().getResourceAsStream(name))) {
            files.put(name, in.readAllBytes());
        }
    }

    private static void use(Content content, boolean jar) {
        try {
            Path target = Files.createTempDirectory(directory, "plugin");
            if (jar) {
                target = target.resolve("plugin.jar");
                try (OutputStream out = Files.newOutputStream(target);
                        JarOutputStream archive = new JarOutputStream(out)) {
                    for (Map.Entry<String, byte[]> file : files(content).entrySet()) {
                        archive.putNextEntry(new JarEntry(file.getKey()));
                        archive.write(file.getValue());
                    }
                }
            } else {
                for (Map.Entry<String, byte[]> file : files(content).entrySet()) {
                    Path path = target.resolve(file.getKey());
                    Files.createDirectories(Objects.requireNonNull(path.getParent()));
                    Files.write(path, file.getValue());
                }
            }
            Subject.plugin = loaded(target, content.plugin().getName());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Plugin loaded(Path from, String type) throws MalformedURLException {
        // open for as long as the plugin is used
        URLClassLoader loader = new URLClassLoader(new URL[]{from.toUri().toURL()}, new WithoutSamples());
        try {
            Constructor<?> constructor = loader.loadClass(type).getDeclaredConstructor();
            constructor.setAccessible(true);
            return (Plugin) constructor.newInstance();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void shouldPassGoodPlugins() {
        for (boolean jar : new boolean[]{true, false}) {
            use(Content.of(GoodPlugin.class), jar);
            assertThat(Mistake.failures(Subject.class)).isEmpty();
            // further classes of its own that it reaches by reflection
            use(Content.of(GoodPlugin.class).metadata(registering(GoodPlugin.class.getName(), "java.lang.String")),
                    jar);
            assertThat(Mistake.failures(Subject.class)).isEmpty();
            use(Content.of(GoodPlugin.class)
                .services(GoodPlugin.class.getName() + "\n" + TwicePlugin.class.getName())
                .metadata(registering(GoodPlugin.class.getName(), TwicePlugin.class.getName())), jar);
            assertThat(Mistake.failures(Subject.class)).isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void shouldFind(Mistake mistake) {
        mistake.shouldBeFound();
    }

    private static Mistake mistake(String name, Content content, Map<String, String> failures) {
        return new Mistake(name, Subject.class, () -> use(content, name.length() % 2 == 0), failures);
    }

    static List<Mistake> mistakes() {
        String found = "shouldBeFoundByServiceLoader";
        String registered = "shouldRegisterExactlyTheDeclaredPlugins";
        String contained = "shouldRegisterTheServicesFile";
        Content good = Content.of(GoodPlugin.class);
        String name = GoodPlugin.class.getName();
        return List.of(
                mistake("no services file", good.services(""),
                        Map.of(found, "write its name into META-INF/services/dev.d3s.spi.Plugin", contained,
                                "reachability-metadata.json")),
                mistake("a services file that names another class", good.services(SAMPLES + "Plugin"),
                        Map.of(found, "name public classes", registered, "registers it")),
                mistake("a constructor that is not public", Content.of(HiddenPlugin.class),
                        Map.of(found, "a public constructor without parameters")),
                mistake("no metadata", good.metadata(""),
                        Map.of(registered, "Add under \"reflection\"", contained, "Add under \"resources\"")),
                mistake("metadata without the plugin", good.metadata("{" + SERVICES_GLOB + "}"),
                        Map.of(registered, "{\"type\": \"" + name + "\"")),
                mistake("metadata without the constructor",
                        good.metadata("{\"reflection\": [{\"type\": \"" + name + "\"}], " + SERVICES_GLOB + "}"),
                        Map.of(registered, "<init>")),
                mistake("metadata of a plugin that is gone", good.metadata(registering(name, SAMPLES + "OldPlugin")),
                        Map.of(registered, "take it out here")),
                mistake("metadata of a plugin that is not declared",
                        good.metadata(registering(name, EmptyPlugin.class.getName())),
                        Map.of(registered, "add it there")),
                mistake("metadata without the services file",
                        good.metadata("{\"reflection\": [{\"type\": \"" + name + "\", " + CONSTRUCTOR + "}]}"),
                        Map.of(contained, "Add under \"resources\"")),
                mistake("a name twice", Content.of(TwicePlugin.class),
                        Map.of("shouldOfferEachNameOnce", "give each factory a name of its own")),
                mistake("offers nothing", Content.of(EmptyPlugin.class),
                        Map.of("shouldOfferEachNameOnce", "override rolloutSelectors()")));
    }
}
