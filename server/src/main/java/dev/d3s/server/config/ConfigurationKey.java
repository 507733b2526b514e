package dev.d3s.server.config;

import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

import org.jspecify.annotations.Nullable;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.WithDefault;
import io.smallrye.config.WithName;

/**
 * A setting that {@link D3sConfig} declares.
 *
 * @param name {@code d3s.files.limit}
 * @param type of one value
 * @param list whether it takes several, separated by commas
 * @param defaultValue as text; {@code null} where the setting may be absent
 */
public record ConfigurationKey(String name, Class<?> type, boolean list, @Nullable String defaultValue) {
    /** Read from the annotations once; for a native executable while it is built. */
    private static final List<ConfigurationKey> ALL = of(D3sConfig.class);

    /** All of them, in the order of their names. */
    public static List<ConfigurationKey> all() {
        return ALL;
    }

    /** The environment variable that sets it. */
    public String variable() {
        return variable(name);
    }

    /** The environment variable that sets a property. */
    static String variable(String property) {
        char[] variable = property.toUpperCase(Locale.ROOT).toCharArray();
        for (int i = 0; i < variable.length; i++) {
            char c = variable[i];
            if ((c < 'A' || c > 'Z') && (c < '0' || c > '9')) {
                variable[i] = '_';
            }
        }
        return String.valueOf(variable);
    }

    static List<ConfigurationKey> of(Class<?> mapping) {
        List<ConfigurationKey> keys = new ArrayList<>();
        collect("d3s", mapping, keys);
        keys.sort(Comparator.comparing(ConfigurationKey::name));
        return List.copyOf(keys);
    }

    private static void collect(String prefix, Class<?> mapping, List<ConfigurationKey> keys) {
        for (Method method : mapping.getDeclaredMethods()) {
            if (method.isDefault() || method.isSynthetic() || method.getParameterCount() > 0) {
                continue;
            }
            WithName named = method.getAnnotation(WithName.class);
            String key = prefix + "." + (named != null
                    ? named.value()
                    : method.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT));
            Class<?> type = method.getReturnType();
            if (type.isInterface() && Arrays.asList(D3sConfig.class.getDeclaredClasses()).contains(type)) {
                collect(key, type, keys);
            } else {
                WithDefault otherwise = method.getAnnotation(WithDefault.class);
                keys.add(of(key, method.getGenericReturnType(), otherwise == null ? null : otherwise.value()));
            }
        }
    }

    private static ConfigurationKey of(String name, Type declared, @Nullable String defaultValue) {
        Type type = declared;
        boolean list = false;
        while (type instanceof ParameterizedType parameterized) {
            if (parameterized.getRawType() != Optional.class && parameterized.getRawType() != List.class) {
                throw new IllegalStateException(
                        name + " is " + type + ": settings are values, Optional or List of them.");
            }
            list |= parameterized.getRawType() == List.class;
            type = parameterized.getActualTypeArguments()[0];
        }
        Class<?> value = type == OptionalInt.class
                ? int.class
                : type == OptionalLong.class
                        ? long.class
                        : type == OptionalDouble.class ? double.class : (Class<?>) type;
        return new ConfigurationKey(name, value, list, defaultValue);
    }

    /** What a value has to be, for messages. */
    String words() {
        if (type.isEnum()) {
            return "one of " + String.join(", ",
                    Arrays.stream(type.getEnumConstants())
                        .map(constant -> constant.toString().toLowerCase(Locale.ROOT).replace('_', '-'))
                        .toList());
        }
        if (type == int.class || type == long.class || type == Integer.class || type == Long.class) {
            return "a whole number";
        }
        if (type == double.class || type == Double.class) {
            return "a number";
        }
        if (type == boolean.class || type == Boolean.class) {
            return "true or false";
        }
        if (type == Duration.class) {
            return "a duration such as PT30S, 30s or 5m";
        }
        if (type == MemorySize.class) {
            return "a size such as 200M or 5G";
        }
        if (type == URI.class) {
            return "an address such as https://example.org";
        }
        return type == Path.class ? "a path" : "a text";
    }
}
