package dev.d3s.natives.substitutions;

import org.jspecify.annotations.Nullable;

import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;

/**
 * DJL looks for CUDA's run time through JNA, which makes classes while it runs. Without its library DJL takes the flavor that
 * it is told, {@code PYTORCH_FLAVOR}, and libtorch finds its GPUs by itself.
 */
@TargetClass(className = "ai.djl.util.cuda.CudaUtils")
final class WithoutJna {
    @Substitute
    @SuppressWarnings("UnusedMethod") // the builder puts it in the place of the other
    private static @Nullable CudaLibraryAlias loadLibrary() {
        return null;
    }
}
