package dev.d3s.natives.check;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * What the metadata files of a class path register, in the format of today ({@code reachability-metadata.json}) and the older
 * ones. An entry with a condition counts as one without. What a builder's {@code Feature} registers by program is not seen.
 * For one thread.
 */
final class Metadata {
    static final String DIRECTORY = "META-INF/native-image/";

    /** What is registered of one class; names of methods have their descriptors, {@code read([BII)I}. */
    static final class Type {
        private boolean jni;
        private boolean reflective;
        private final Set<String> members = new HashSet<>();
        private final Set<String> jniMembers = new HashSet<>();
        private final Set<String> flags = new HashSet<>();
        private final Set<String> jniFlags = new HashSet<>();

        boolean jni() {
            return jni;
        }

        boolean reflective() {
            return reflective;
        }

        boolean hasConstructor(String descriptor, boolean forJni) {
            return (forJni ? jniMembers : members).contains("<init>" + descriptor)
                    || flagged(forJni, "allDeclaredConstructors", "allPublicConstructors");
        }

        boolean hasMethod(String name, String descriptor, boolean forJni) {
            return (forJni ? jniMembers : members).contains(name + descriptor)
                    || flagged(forJni, "allDeclaredMethods", "allPublicMethods");
        }

        boolean hasField(String name, boolean forJni) {
            return (forJni ? jniMembers : members).contains(name)
                    || flagged(forJni, "allDeclaredFields", "allPublicFields");
        }

        boolean hasFlag(String flag) {
            return flags.contains(flag);
        }

        private boolean flagged(boolean forJni, String declared, String ofPublic) {
            Set<String> set = forJni ? jniFlags : flags;
            return set.contains(declared) || set.contains(ofPublic);
        }
    }

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Type NOTHING = new Type();

    private final Map<String, Type> types = new HashMap<>();
    private final List<Predicate<String>> resources = new ArrayList<>();
    private final Set<List<String>> proxies = new HashSet<>();
    private final Set<String> downcalls = new HashSet<>();
    private final StringBuilder arguments = new StringBuilder();

    /** @param excluded whether a file of a jar is left out, as the builder's {@code --exclude-config} says */
    static Metadata of(ClassPath path, BuildArguments excluded) {
        Metadata metadata = new Metadata();
        for (ClassPath.Jar jar : path.jars()) {
            for (String entry : jar.resources()) {
                if (entry.startsWith(DIRECTORY) && !excluded.excludes(jar.name(), entry)) {
                    metadata.add(jar, entry);
                }
            }
        }
        return metadata;
    }

    private void add(ClassPath.Jar jar, String entry) {
        String file = entry.substring(entry.lastIndexOf('/') + 1);
        try {
            switch (file) {
                case "reachability-metadata.json" -> addReachability(JSON.readTree(jar.read(entry)));
                case "reflect-config.json" -> addTypes(JSON.readTree(jar.read(entry)), "name", false);
                case "jni-config.json" -> addTypes(JSON.readTree(jar.read(entry)), "name", true);
                case "proxy-config.json" -> JSON.readTree(jar.read(entry)).forEach(this::addProxy);
                case "resource-config.json" -> addPatterns(JSON.readTree(jar.read(entry)).path("resources"));
                case "native-image.properties" -> arguments.append(new String(jar.read(entry), StandardCharsets.UTF_8))
                    .append('\n');
                default -> {
                    // licences and what else lies there
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(jar.name() + "!" + entry + " is no metadata", e);
        }
    }

    /** All {@code native-image.properties} as they are. */
    String properties() {
        return arguments.toString();
    }

    private void addReachability(JsonNode file) {
        addTypes(file.path("reflection"), "type", false);
        addTypes(file.path("jni"), "type", true);
        for (JsonNode resource : file.path("resources")) {
            String glob = resource.path("glob").asText();
            if (!glob.isEmpty()) {
                resources.add(glob(glob));
            }
        }
        for (JsonNode downcall : file.path("foreign").path("downcalls")) {
            List<String> parameters = new ArrayList<>();
            downcall.path("parameterTypes").forEach(parameter -> parameters.add(parameter.asText()));
            downcalls.add(downcall.path("returnType").asText() + "(" + String.join(",", parameters) + ")");
        }
    }

    private void addTypes(JsonNode entries, String key, boolean forJni) {
        for (JsonNode entry : entries) {
            JsonNode type = entry.path(key);
            if (type.has("proxy")) {
                addProxy(type.path("proxy"));
                continue;
            }
            Type registered = types.computeIfAbsent(type.asText(), name -> new Type());
            boolean jni = forJni || entry.path("jniAccessible").asBoolean();
            registered.jni |= jni;
            registered.reflective |= !forJni;
            Set<String> members = new HashSet<>();
            for (JsonNode method : entry.path("methods")) {
                StringBuilder descriptor = new StringBuilder();
                method.path("parameterTypes")
                    .forEach(parameter -> descriptor.append(Names.descriptor(parameter.asText())));
                members.add(method.path("name").asText() + "(" + descriptor + ")");
            }
            entry.path("fields").forEach(field -> members.add(field.path("name").asText()));
            Set<String> flags = new HashSet<>();
            entry.properties().forEach(property -> {
                if (property.getKey().startsWith("all") && property.getValue().asBoolean()) {
                    flags.add(property.getKey());
                }
            });
            if (!forJni) {
                registered.members.addAll(members);
                registered.flags.addAll(flags);
            }
            if (jni) {
                registered.jniMembers.addAll(members);
                registered.jniFlags.addAll(flags);
            }
        }
    }

    private void addProxy(JsonNode proxy) {
        List<String> interfaces = new ArrayList<>();
        (proxy.isArray() ? proxy : proxy.path("interfaces")).forEach(name -> interfaces.add(name.asText()));
        proxies.add(interfaces);
    }

    private void addPatterns(JsonNode found) {
        for (JsonNode entry : found.has("includes") ? found.path("includes") : found) {
            String pattern = entry.path("pattern").asText();
            String glob = entry.path("glob").asText();
            if (!pattern.isEmpty()) {
                resources.add(Pattern.compile(pattern.replaceFirst("^[^:\\\\\\[(]*:", "")).asMatchPredicate());
            } else if (!glob.isEmpty()) {
                resources.add(glob(glob));
            }
        }
    }

    /** A star stands for anything inside a directory, two for anything. */
    private static Predicate<String> glob(String glob) {
        StringBuilder pattern = new StringBuilder();
        for (int i = 0; i < glob.length(); i++) {
            if (glob.startsWith("**", i)) {
                pattern.append(".*");
                i++;
            } else if (glob.charAt(i) == '*') {
                pattern.append("[^/]*");
            } else {
                pattern.append(Pattern.quote(glob.substring(i, i + 1)));
            }
        }
        return Pattern.compile(pattern.toString()).asMatchPredicate();
    }

    /** @param name as in source code: {@code java.lang.String}, {@code float[][]} */
    Type type(String name) {
        return types.getOrDefault(name, NOTHING);
    }

    boolean hasResource(String name) {
        return resources.stream().anyMatch(pattern -> pattern.test(name));
    }

    boolean hasProxy(List<String> interfaces) {
        return proxies.contains(interfaces);
    }

    /** @param signature {@code jint(jlong,jlong)} */
    boolean hasDowncall(String signature) {
        return downcalls.contains(signature);
    }
}
