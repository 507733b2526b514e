package dev.d3s.server.rollout.onnx;

import java.util.Locale;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** The process's one ONNX Runtime environment, and what its errors mean to us. */
final class OnnxRuntime {
    private static final NativeCalls CALLS = new NativeCalls();

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(CALLS::finishBeforeExit, "d3s-onnx-stopper"));
    }

    private OnnxRuntime() {}

    /**
     * A call into ONNX Runtime. Every one that takes time has to go through here.
     *
     * @throws java.util.concurrent.CancellationException when the process is ending
     */
    static <T, E extends Exception> T call(NativeCalls.Call<T, E> call) throws E {
        return CALLS.run(call);
    }

    /** Lives as long as the process; loads the native library on first use. */
    static OrtEnvironment environment() {
        return OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, "d3s");
    }

    /** @param doing what was being done, to complete "ONNX Runtime failed while ..." */
    static D3sException failure(String doing, OrtException cause) {
        String message = String.valueOf(cause.getMessage());
        String lower = message.toLowerCase(Locale.ROOT);
        if (lower.contains("allocate memory") || lower.contains("bad_alloc")) {
            return new D3sException(ErrorCategory.RESOURCES, "out_of_memory",
                    "Not enough memory while " + doing + ": use fewer slots or a shorter maximum sequence length. ("
                            + message + ")",
                    cause);
        }
        return new D3sException(ErrorCategory.INTERNAL, "rollout_engine_failed",
                "ONNX Runtime failed while " + doing + ": " + message, cause);
    }
}
