package dev.d3s.natives;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * Where the native libraries of the engines come from, decided once before either engine is touched. The first of these that
 * there is:
 * <ol>
 * <li>For one library: the directory in {@code PYTORCH_LIBRARY_PATH} (with {@code PYTORCH_VERSION} and
 * {@code PYTORCH_FLAVOR}) or {@code ONNXRUNTIME_LIBRARY_PATH}.</li>
 * <li>For all of them: a directory that {@code ./d3s natives} made, which {@code D3S_NATIVES} names, or which lies beside a
 * native executable as {@code natives}.</li>
 * <li>The jars on the class path, which a native executable does not have: DJL unpacks libtorch into the cache directory,
 * once per machine (450 MB), and ONNX Runtime unpacks its own.</li>
 * </ol>
 * Nothing is ever downloaded and nothing is reported to anyone.
 *
 * @param cache where unpacked libraries are kept
 * @param libtorch its directory, or {@code null} for the one in the jar
 * @param onnxRuntime likewise
 * @param tokenizers its file, or {@code null} likewise
 * @param version of libtorch in that directory, or {@code null} when the environment says it
 * @param flavor likewise
 */
public record NativeLibraries(Path cache, @Nullable Path libtorch, @Nullable Path onnxRuntime,
        @Nullable Path tokenizers, @Nullable String version, @Nullable String flavor) {
    static final String BUNDLED_LIBTORCH = "native/lib/pytorch.properties";
    /** Names a directory that {@code ./d3s natives} made. */
    static final String NATIVES = "D3S_NATIVES";
    private static final String BUNDLED_PLATFORM = "linux-x86_64";

    /**
     * Checks what the environment says, and tells DJL and ONNX Runtime through system properties. To be called before the
     * first use of an engine; calling it again with another cache directory has no effect on an engine that has started.
     *
     * @throws IllegalStateException naming what is missing and how to give it
     */
    public static NativeLibraries prepare(Path cache) {
        NativeLibraries libraries = check(cache);
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
        setProperty("onnxruntime.native.path", libraries.onnxRuntime);
        setProperty("PYTORCH_LIBRARY_PATH", libraries.libtorch);
        setProperty("PYTORCH_VERSION", libraries.version);
        setProperty("PYTORCH_FLAVOR", libraries.flavor);
        setProperty("RUST_LIBRARY_PATH", libraries.tokenizers);
        return libraries;
    }

    private static void setProperty(String name, @Nullable Object value) {
        if (value != null) {
            System.setProperty(name, value.toString());
        }
    }

    /**
     * Finds them, and changes nothing.
     *
     * @throws IllegalStateException naming what is missing and how to give it
     */
    public static NativeLibraries check(Path cache) {
        boolean executable = "runtime".equals(System.getProperty("org.graalvm.nativeimage.imagecode"));
        return locate(cache, System.getenv(), platform(), !executable,
                !executable && NativeLibraries.class.getClassLoader().getResource(BUNDLED_LIBTORCH) != null,
                executable ? besideExecutable() : null);
    }

    private static @Nullable Path besideExecutable() {
        return ProcessHandle.current()
            .info()
            .command()
            .map(command -> Path.of(command).resolveSibling("natives"))
            .orElse(null);
    }

    /** A directory of this user's that survives restarts, for programs that were given none. */
    public static Path userCache() {
        String xdg = System.getenv("XDG_CACHE_HOME");
        Path base = xdg == null || xdg.isBlank() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(xdg);
        return base.resolve("d3s").resolve("engines");
    }

    /**
     * @param jars whether ONNX Runtime and the tokenizers can come from their jars
     * @param bundled whether libtorch can, where it is for this platform
     * @param beside a directory to use if it is there, or {@code null}
     */
    static NativeLibraries locate(Path cache, Map<String, String> environment, String platform, boolean jars,
            boolean bundled, @Nullable Path beside) {
        Path libtorch = directory(environment, "PYTORCH_LIBRARY_PATH", System.mapLibraryName("torch"));
        if (libtorch != null) {
            for (String variable : new String[]{"PYTORCH_VERSION", "PYTORCH_FLAVOR"}) {
                if (environment.getOrDefault(variable, "").isBlank()) {
                    throw new IllegalStateException("PYTORCH_LIBRARY_PATH is set but " + variable
                            + " is not: set PYTORCH_VERSION=2.7.1 and PYTORCH_FLAVOR=cpu or cu128, as the libraries in "
                            + libtorch + " are");
                }
            }
        }
        Path onnxRuntime = directory(environment, "ONNXRUNTIME_LIBRARY_PATH", System.mapLibraryName("onnxruntime"));
        Path tokenizers = tokenizers(environment);
        CollectedLibraries collected = collected(environment, platform, beside);
        if (collected != null) {
            boolean given = libtorch != null;
            return new NativeLibraries(cache, given ? libtorch : collected.libtorch(),
                    onnxRuntime != null ? onnxRuntime : collected.onnxRuntime(),
                    tokenizers != null ? tokenizers : collected.tokenizers(), given ? null : collected.version(),
                    given ? null : collected.flavor());
        }
        List<String> missing = new ArrayList<>();
        if (libtorch == null && !(bundled && platform.equals(BUNDLED_PLATFORM))) {
            missing.add("libtorch");
        }
        if (!jars) {
            if (onnxRuntime == null) {
                missing.add("ONNX Runtime");
            }
            if (tokenizers == null) {
                missing.add("the tokenizers' library");
            }
        }
        if (!missing.isEmpty()) {
            Path directory = beside != null ? beside : Path.of("natives");
            throw new IllegalStateException(String.join(", ", missing) + (missing.size() == 1 ? " is" : " are")
                    + " missing for " + platform + ": run " + CollectedLibraries.command(platform, "cpu", directory)
                    + (beside != null
                            ? ", or set " + NATIVES + " to a directory that it made"
                            : ", and set " + NATIVES + " to that directory"));
        }
        return new NativeLibraries(cache, libtorch, onnxRuntime, tokenizers, null, null);
    }

    private static @Nullable CollectedLibraries collected(Map<String, String> environment, String platform,
            @Nullable Path beside) {
        String value = environment.get(NATIVES);
        if (value != null && !value.isBlank()) {
            Path directory = Path.of(value);
            if (!Files.isDirectory(directory)) {
                throw new IllegalStateException(NATIVES + " is " + value + ", which is no directory: run "
                        + CollectedLibraries.command(platform, "cpu", directory) + ", or unset it");
            }
            return CollectedLibraries.open(directory, platform);
        }
        return beside != null && Files.isDirectory(beside) ? CollectedLibraries.open(beside, platform) : null;
    }

    /** The file itself: DJL falls over a directory. */
    private static @Nullable Path tokenizers(Map<String, String> environment) {
        String value = environment.get("RUST_LIBRARY_PATH");
        if (value == null || value.isBlank()) {
            return null;
        }
        Path file = Path.of(value);
        String name = System.mapLibraryName("tokenizers");
        if (!file.endsWith(name) || !Files.isRegularFile(file)) {
            throw new IllegalStateException("RUST_LIBRARY_PATH is " + value + ", which is no file " + name
                    + ": name the file itself, or unset it to use another");
        }
        return file;
    }

    private static @Nullable Path directory(Map<String, String> environment, String variable, String library) {
        String value = environment.get(variable);
        if (value == null || value.isBlank()) {
            return null;
        }
        Path directory = Path.of(value);
        if (!Files.isRegularFile(directory.resolve(library))) {
            throw new IllegalStateException(variable + " is " + value + ", but there is no " + library
                    + " in it: point it to the directory of the libraries, or unset it to use others");
        }
        return directory;
    }

    private static String platform() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String architecture = System.getProperty("os.arch");
        return (system.startsWith("linux") ? "linux" : system.startsWith("mac") ? "osx" : system) + "-"
                + (architecture.equals("amd64") ? "x86_64" : architecture);
    }
}
