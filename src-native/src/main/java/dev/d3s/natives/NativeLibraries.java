package dev.d3s.natives;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * Where the native libraries of the two engines come from, decided once before either engine is touched.
 * <ul>
 * <li>libtorch: the directory in {@code PYTORCH_LIBRARY_PATH} (with {@code PYTORCH_VERSION} and {@code PYTORCH_FLAVOR}), as
 * a GPU or a native executable needs it; otherwise DJL unpacks the jar {@code pytorch-native-cpu} into the cache directory,
 * once per machine (450 MB).</li>
 * <li>ONNX Runtime: the directory in {@code ONNXRUNTIME_LIBRARY_PATH}, handed on as its own property
 * {@code onnxruntime.native.path}; otherwise it unpacks its jar itself.</li>
 * </ul>
 * Nothing is ever downloaded and nothing is reported to anyone.
 *
 * @param cache where unpacked libraries are kept
 * @param libtorch the directory given by the environment, or {@code null} for the one in the jar
 * @param onnxRuntime likewise
 */
public record NativeLibraries(Path cache, @Nullable Path libtorch, @Nullable Path onnxRuntime) {
    static final String BUNDLED_LIBTORCH = "native/lib/pytorch.properties";
    private static final String BUNDLED_PLATFORM = "linux-x86_64";

    /**
     * Checks what the environment says, and tells DJL and ONNX Runtime through system properties. To be called before the
     * first use of an engine; calling it again with another cache directory has no effect on an engine that has started.
     *
     * @throws IllegalStateException naming what is missing and how to give it
     */
    public static NativeLibraries prepare(Path cache) {
        NativeLibraries libraries = locate(cache, System.getenv(), platform(),
                NativeLibraries.class.getClassLoader().getResource(BUNDLED_LIBTORCH) != null);
        try {
            Files.createDirectories(cache);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "Cannot create " + cache + " for the engines' native libraries: choose another directory", e);
        }
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        System.setProperty("DJL_CACHE_DIR", cache.toString());
        System.setProperty("ai.djl.pytorch.graph_optimizer", "false");
        if (libraries.onnxRuntime != null) {
            System.setProperty("onnxruntime.native.path", libraries.onnxRuntime.toString());
        }
        return libraries;
    }

    /** A directory of this user's that survives restarts, for programs that were given none. */
    public static Path userCache() {
        String xdg = System.getenv("XDG_CACHE_HOME");
        Path base = xdg == null || xdg.isBlank() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(xdg);
        return base.resolve("d3s").resolve("engines");
    }

    static NativeLibraries locate(Path cache, Map<String, String> environment, String platform, boolean bundled) {
        Path libtorch = directory(environment, "PYTORCH_LIBRARY_PATH", System.mapLibraryName("torch"));
        if (libtorch != null) {
            for (String variable : new String[]{"PYTORCH_VERSION", "PYTORCH_FLAVOR"}) {
                if (environment.getOrDefault(variable, "").isBlank()) {
                    throw new IllegalStateException("PYTORCH_LIBRARY_PATH is set but " + variable
                            + " is not: set PYTORCH_VERSION=2.7.1 and PYTORCH_FLAVOR=cpu or cu128, as the libraries in "
                            + libtorch + " are");
                }
            }
        } else if (!bundled) {
            throw new IllegalStateException("libtorch is missing: put ai.djl.pytorch:pytorch-native-cpu:2.7.1:"
                    + BUNDLED_PLATFORM
                    + " on the class path, or set PYTORCH_LIBRARY_PATH to a directory with libtorch 2.7.1");
        } else if (!platform.equals(BUNDLED_PLATFORM)) {
            throw new IllegalStateException("libtorch for " + platform + " is not bundled (only " + BUNDLED_PLATFORM
                    + " is): set PYTORCH_LIBRARY_PATH to a directory with libtorch 2.7.1 for this machine");
        }
        return new NativeLibraries(cache, libtorch,
                directory(environment, "ONNXRUNTIME_LIBRARY_PATH", System.mapLibraryName("onnxruntime")));
    }

    private static @Nullable Path directory(Map<String, String> environment, String variable, String library) {
        String value = environment.get(variable);
        if (value == null || value.isBlank()) {
            return null;
        }
        Path directory = Path.of(value);
        if (!Files.isRegularFile(directory.resolve(library))) {
            throw new IllegalStateException(variable + " is " + value + ", but there is no " + library
                    + " in it: point it to the directory of the libraries, or unset it to use the bundled ones");
        }
        return directory;
    }

    private static String platform() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String architecture = System.getProperty("os.arch");
        return (system.startsWith("linux") ? "linux" : system) + "-"
                + (architecture.equals("amd64") ? "x86_64" : architecture);
    }
}
