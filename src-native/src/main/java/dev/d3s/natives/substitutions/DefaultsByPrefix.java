package dev.d3s.natives.substitutions;

import java.util.HashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import com.oracle.svm.core.annotate.Alias;
import com.oracle.svm.core.annotate.Inject;
import com.oracle.svm.core.annotate.RecomputeFieldValue;
import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;

import dev.d3s.natives.WildcardIndex;

/**
 * Looks the default of a setting up in an index. The original has all names with stars under one hash, so that it compares a
 * name that is not set with each of them, which was an eighth of what the start of an executable took.
 */
@TargetClass(className = "io.smallrye.config.DefaultValuesConfigSource")
@SuppressWarnings("NullAway.Init") // the original has values for them
final class DefaultsByPrefix {
    @Alias
    private Map<String, String> properties;
    @Alias
    private Map<PropertyNameAlias, String> wildcards;
    @Alias
    private boolean hasProfiledName;
    /** The names with stars; made again when there is another. */
    @Inject
    @RecomputeFieldValue(kind = RecomputeFieldValue.Kind.Reset)
    private @Nullable WildcardIndex index;

    @Substitute
    public @Nullable String getValue(String name) {
        if (!hasProfiledName && !name.isEmpty() && name.charAt(0) == '%') {
            return null;
        }
        String value = properties.get(name);
        if (value != null || wildcards.isEmpty()) {
            return value;
        }
        WildcardIndex known = index;
        if (known == null) {
            Map<String, String> values = new HashMap<>();
            wildcards.forEach((wildcard, text) -> values.put(wildcard.getName(), text));
            known = new WildcardIndex(values);
            index = known;
        }
        return known.find(name, PropertyNameAlias::equals);
    }

    @Substitute
    void addDefault(String name, String value) {
        if (name.indexOf('*') < 0) {
            properties.putIfAbsent(name, value);
        } else {
            wildcards.putIfAbsent(new PropertyNameAlias(name), value);
            index = null;
        }
    }
}
