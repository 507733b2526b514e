package dev.d3s.natives.substitutions;

import com.oracle.svm.core.annotate.Alias;
import com.oracle.svm.core.annotate.TargetClass;

/** A type in a signature of {@link OpenApiAsBuilt}: an enum of JSON and YAML. */
@TargetClass(className = "io.smallrye.openapi.runtime.io.Format")
final class OpenApiFormatAlias {
    @Alias
    native String getMimeType();
}
