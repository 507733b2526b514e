package dev.d3s.server.doctor;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

import org.jspecify.annotations.Nullable;

import dev.d3s.natives.NativeLibraries;

/** The engines' native libraries: which ones a server would load. */
final class NativeParts {
    private static final String TORCH = "native/lib/pytorch.properties";
    private static final String ONNX_RUNTIME = "ai/onnxruntime/native/linux-x64/libonnxruntime.so";
    /** What unpacking libtorch takes. */
    private static final long UNPACKED = 600L << 20;

    private NativeParts() {}

    static List<Finding> findings(Path cache) {
        List<Finding> findings = new ArrayList<>();
        try {
            NativeLibraries libraries = NativeLibraries.prepare(cache);
            Path torch = libraries.libtorch();
            findings.add(Finding.ok("libtorch",
                    torch == null ? "bundled, " + bundledTorch() + ", unpacked into " + cache : "in " + torch));
            Path onnx = libraries.onnxRuntime();
            findings.add(onnx != null
                    ? Finding.ok("onnxruntime", "in " + onnx)
                    : resource(ONNX_RUNTIME)
                            ? Finding.ok("onnxruntime", "bundled")
                            : Finding.fail("onnxruntime", "none is bundled for this machine",
                                    "Set ONNXRUNTIME_LIBRARY_PATH to a directory with its library."));
            findings.add(cache(cache, torch));
        } catch (RuntimeException e) {
            findings
                .add(Finding.fail("libtorch", String.valueOf(e.getMessage()), "See \"Start\" in server/README.md."));
        }
        return findings;
    }

    private static Finding cache(Path cache, @Nullable Path torch) {
        if (!Files.isWritable(cache)) {
            return Finding.fail("library cache", cache + " cannot be written",
                    "Set XDG_CACHE_HOME to a directory that can.");
        }
        if (torch == null && !Files.isDirectory(cache.resolve("pytorch"))
                && cache.toFile().getUsableSpace() < UNPACKED) {
            return Finding.fail("library cache", "libtorch does not fit into " + cache,
                    "Free 600 MB there, or set XDG_CACHE_HOME to another disk.");
        }
        return Finding.ok("library cache", cache.toString());
    }

    private static boolean resource(String name) {
        return NativeParts.class.getClassLoader().getResource(name) != null;
    }

    private static String bundledTorch() {
        Properties properties = new Properties();
        try (InputStream in = NativeParts.class.getClassLoader().getResourceAsStream(TORCH)) {
            if (in != null) {
                properties.load(in);
            }
        } catch (IOException e) {
            return "unreadable";
        }
        return properties.getProperty("version", "unknown") + " for " + properties.getProperty("flavor", "cpu");
    }
}
