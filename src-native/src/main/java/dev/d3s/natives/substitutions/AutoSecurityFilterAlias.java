package dev.d3s.natives.substitutions;

import com.oracle.svm.core.annotate.TargetClass;

/** A type in a signature of {@link OpenApiAsBuilt}. */
@TargetClass(className = "io.quarkus.smallrye.openapi.runtime.filter.AutoSecurityFilter")
final class AutoSecurityFilterAlias {}
