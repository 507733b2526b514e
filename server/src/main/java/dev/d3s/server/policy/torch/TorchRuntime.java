package dev.d3s.server.policy.torch;

import java.io.UncheckedIOException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDManager;
import dev.d3s.natives.NativeLibraries;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** Starts libtorch once per process, and turns its failures into errors that say what to do. */
final class TorchRuntime {
    private static final String ENGINE = "PyTorch";

    /** In the message of its allocator. */
    private static final Pattern WANTED = Pattern.compile("tried to allocate (\\d{1,18}) bytes");

    private TorchRuntime() {}

    /** A manager for a policy's tensors; the caller closes it. */
    static NDManager newManager() {
        try {
            if (System.getProperty("DJL_CACHE_DIR") == null) {
                NativeLibraries.prepare(NativeLibraries.userCache());
            }
            Engine engine = Engine.getEngine(ENGINE);
            return engine.newBaseManager();
        } catch (IllegalStateException | UncheckedIOException e) {
            throw new D3sException(ErrorCategory.RESOURCES, "native_library_missing", String.valueOf(e.getMessage()),
                    e);
        } catch (EngineException | LinkageError e) {
            throw new D3sException(ErrorCategory.RESOURCES, "native_library_missing",
                    "libtorch did not start: " + rootMessage(e)
                            + "; check PYTORCH_LIBRARY_PATH, or delete the cache directory to unpack it again",
                    e);
        }
    }

    /** What a failed call means to whoever runs the server. */
    static D3sException failure(EngineException failure) {
        String message = rootMessage(failure);
        if (message.contains("not enough memory") || message.contains("can't allocate memory")
                || message.contains("out of memory")) {
            Matcher wanted = WANTED.matcher(message);
            String bytes = wanted.find()
                    ? " when it asked for " + Math.ceilDiv(Long.parseLong(wanted.group(1)), 1L << 20) + " MiB more"
                    : "";
            return new D3sException(ErrorCategory.RESOURCES, "out_of_memory", "libtorch ran out of memory" + bytes
                    + ": give the server more, or lower the tokens per micro-batch", failure);
        }
        return new D3sException(ErrorCategory.INTERNAL, "torch_failed", "libtorch failed: " + message, failure);
    }

    private static String rootMessage(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage());
    }
}
