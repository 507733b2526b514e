package dev.d3s.natives.substitutions;

import com.oracle.svm.core.annotate.Alias;
import com.oracle.svm.core.annotate.TargetClass;
import com.oracle.svm.core.annotate.TargetElement;

/** A name of a setting, in which a star stands for a segment. */
@TargetClass(className = "io.smallrye.config.PropertyName")
final class PropertyNameAlias {
    @Alias
    @TargetElement(name = TargetElement.CONSTRUCTOR_NAME)
    PropertyNameAlias(String name) {}

    @Alias
    native String getName();

    @Alias
    static native boolean equals(String name, String other);

    @Alias
    static native boolean equals(String name, int start, int length, String other, int otherStart, int otherLength);
}
