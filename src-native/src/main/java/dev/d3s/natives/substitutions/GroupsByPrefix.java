package dev.d3s.natives.substitutions;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import com.oracle.svm.core.annotate.Alias;
import com.oracle.svm.core.annotate.Inject;
import com.oracle.svm.core.annotate.RecomputeFieldValue;
import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;

import dev.d3s.natives.NamesByPrefix;

/**
 * Whether a group of settings that may be left out is there: whether a name that begins like the group is one of its settings.
 * SmallRye Config looks through all names for each of some hundred groups, which was a twentieth of what the start of an
 * executable took; here they are put in order once.
 */
@TargetClass(className = "io.smallrye.config.ConfigMappingContext$ObjectCreator")
@SuppressWarnings("NullAway.Init") // the original has values for them
final class GroupsByPrefix {
    @Alias
    private Context this$0;

    @Substitute
    @SuppressWarnings("UnusedMethod") // the builder puts it in the place of the other
    private boolean createRequired(Class<?> group, String path) {
        NamesByPrefix names = this$0.names;
        if (names == null) {
            names = new NamesByPrefix(this$0.config.getPropertyNames()); // they stay while settings are mapped
            this$0.names = names;
        }
        List<String> candidates = new ArrayList<>();
        for (String name : names.startingWith(path)) {
            boolean dot = name.length() > path.length() && name.charAt(path.length()) == '.';
            String candidate = name.substring(path.length() + (dot ? 1 : 0));
            candidates.add(this$0.namingStrategy == Naming.KEBAB_CASE ? candidate : Naming.KEBAB_CASE.apply(candidate));
        }
        if (!candidates.isEmpty()) {
            for (String setting : Loader.configMappingProperties(group).keySet()) {
                for (String candidate : candidates) {
                    if (PropertyNameAlias.equals(candidate, setting)) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    /** Of one reading of all settings. */
    @TargetClass(className = "io.smallrye.config.ConfigMappingContext")
    @SuppressWarnings("NullAway.Init")
    static final class Context {
        @Alias
        Settings config;
        @Alias
        Naming namingStrategy;
        @Inject
        @RecomputeFieldValue(kind = RecomputeFieldValue.Kind.Reset)
        @Nullable
        NamesByPrefix names;
    }

    @TargetClass(className = "io.smallrye.config.SmallRyeConfig")
    static final class Settings {
        @Alias
        native Iterable<String> getPropertyNames();
    }

    @TargetClass(className = "io.smallrye.config.ConfigMapping$NamingStrategy")
    @SuppressWarnings("NullAway.Init")
    static final class Naming {
        @Alias
        static Naming KEBAB_CASE;

        @Alias
        native String apply(String name);
    }

    @TargetClass(className = "io.smallrye.config.ConfigMappingLoader")
    static final class Loader {
        @Alias
        static native Map<String, String> configMappingProperties(Class<?> group);
    }
}
