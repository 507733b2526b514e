package dev.d3s.natives.substitutions;

import com.oracle.svm.core.annotate.TargetClass;

/** The type in a signature of {@link WithoutJna}. */
@TargetClass(className = "ai.djl.util.cuda.CudaLibrary")
final class CudaLibraryAlias {}
