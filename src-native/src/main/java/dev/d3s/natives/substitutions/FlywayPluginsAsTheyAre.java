package dev.d3s.natives.substitutions;

import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;

/**
 * Flyway copies the settings of its plugins from what is built to what is used, by writing each as JSON and reading it again:
 * a twelfth of what the start of an executable took, for settings that nobody has changed. What is built is thrown away, so
 * what is used can have them.
 */
@TargetClass(className = "org.flywaydb.core.internal.plugin.PluginRegister")
final class FlywayPluginsAsTheyAre {
    @Substitute
    public FlywayPluginsAsTheyAre getCopy() {
        return this;
    }
}
