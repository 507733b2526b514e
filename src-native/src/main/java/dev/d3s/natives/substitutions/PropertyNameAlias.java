package dev.d3s.natives.substitutions;

import com.oracle.svm.core.annotate.Alias;
import com.oracle.svm.core.annotate.TargetClass;
import com.oracle.svm.core.annotate.TargetElement;

/** The names that {@link DefaultsByPrefix} has. */
@TargetClass(className = "io.smallrye.config.PropertyName")
final class PropertyNameAlias {
    @Alias
    @TargetElement(name = TargetElement.CONSTRUCTOR_NAME)
    PropertyNameAlias(String name) {}

    @Alias
    native String getName();

    @Alias
    static native boolean equals(String name, String other);
}
