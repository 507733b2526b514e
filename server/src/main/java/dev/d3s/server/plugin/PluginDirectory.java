package dev.d3s.server.plugin;

import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.Plugin;

/**
 * Class loaders for the plugins of a directory: one for each jar in it, and one for each directory in it, with all of that
 * directory's jars, for a plugin that brings libraries. Such a plugin sees the JDK, the contract and its own jars: not the
 * server's libraries, whose versions are none of its business, and not its neighbours.
 */
final class PluginDirectory {
    private PluginDirectory() {}

    /** @throws D3sException when it is not a directory or cannot be read */
    static List<URLClassLoader> open(Path directory) {
        if (!Files.isDirectory(directory)) {
            throw new D3sException(ErrorCategory.USER, "plugins_directory",
                    "The plugins directory " + directory + " (d3s.plugins.directory) is not a directory.");
        }
        List<URLClassLoader> loaders = new ArrayList<>();
        try {
            for (Path entry : sorted(directory)) {
                List<Path> jars = Files.isDirectory(entry)
                        ? sorted(entry).stream().filter(PluginDirectory::isJar).toList()
                        : isJar(entry) ? List.of(entry) : List.of();
                if (!jars.isEmpty()) {
                    URL[] urls = new URL[jars.size()];
                    for (int i = 0; i < urls.length; i++) {
                        urls[i] = url(jars.get(i));
                    }
                    loaders.add(new URLClassLoader(entry.getFileName().toString(), urls, new ContractLoader()));
                }
            }
        } catch (IOException e) {
            throw new D3sException(ErrorCategory.USER, "plugins_directory",
                    "The plugins directory " + directory + " (d3s.plugins.directory) cannot be read: " + e + ".", e);
        }
        return loaders;
    }

    private static List<Path> sorted(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.sorted().toList();
        }
    }

    private static boolean isJar(Path path) {
        return path.getFileName().toString().endsWith(".jar") && Files.isRegularFile(path);
    }

    private static URL url(Path path) throws MalformedURLException {
        return path.toUri().toURL();
    }

    /** The JDK, and of the server nothing but the contract and its annotations. */
    private static final class ContractLoader extends ClassLoader {
        static {
            registerAsParallelCapable();
        }

        ContractLoader() {
            super("plugin contract", ClassLoader.getPlatformClassLoader());
        }

        @Override
        protected Class<?> findClass(String name) throws ClassNotFoundException {
            if (name.startsWith("dev.d3s.spi.") || name.startsWith("org.jspecify.annotations.")) {
                return Class.forName(name, false, Plugin.class.getClassLoader());
            }
            throw new ClassNotFoundException(name);
        }
    }
}
