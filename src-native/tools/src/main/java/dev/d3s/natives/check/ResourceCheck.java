package dev.d3s.natives.check;

import java.lang.classfile.ClassModel;
import java.lang.classfile.constantpool.PoolEntry;
import java.lang.classfile.constantpool.StringEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Holds the metadata to the resources: every file in a jar of ours, and in other answerable jars every file whose whole name
 * is a string in a class there, with or without a slash before it or the class's package, and every native library. Not seen:
 * other names that the code of others puts together.
 */
final class ResourceCheck {
    /** What no program asks for. */
    private static final List<String> NEVER = List.of("META-INF/MANIFEST.MF", "META-INF/maven/",
            "META-INF/native-image/",
            "META-INF/INDEX.LIST", "META-INF/jandex.idx", "META-INF/services/");

    private ResourceCheck() {}

    static List<Finding> check(ClassPath path, Metadata metadata, List<ClassPath.Jar> jars, Reviewed reviewed) {
        Map<String, String> wanted = new TreeMap<>();
        Set<String> offered = new TreeSet<>();
        path.jars().forEach(jar -> offered.addAll(jar.resources()));
        for (ClassPath.Jar jar : jars) {
            if (isOurs(jar)) {
                jar.resources().forEach(resource -> wanted.putIfAbsent(resource, jar.name() + " has it"));
            } else {
                jar.resources()
                    .stream()
                    .filter(NativeCheck::isLibrary)
                    .forEach(library -> wanted.putIfAbsent(library, jar.name() + " has this library"));
                for (String name : jar.classes()) {
                    strings(path, name).stream().filter(offered::contains).forEach(resource -> {
                        wanted.putIfAbsent(resource, jar.name() + " names it in " + Names.source(name));
                    });
                }
            }
        }
        List<Finding> findings = new ArrayList<>();
        wanted.forEach((resource, reason) -> {
            if (NEVER.stream().noneMatch(resource::startsWith) && !reviewed.has("resource", resource)
                    && !metadata.hasResource(resource)) {
                findings.add(new Finding(Finding.Kind.RESOURCE, resource,
                        reason + ", and no metadata has it: add {\"glob\": \""
                                + resource
                                + "\"} to \"resources\", or say in the reviewed list why nobody reads it at run time"));
            }
        });
        return findings;
    }

    static boolean isOurs(ClassPath.Jar jar) {
        return jar.name().startsWith("dev.d3s.") || jar.name().startsWith("d3s-");
    }

    /** What its strings would be as names of resources. */
    private static Set<String> strings(ClassPath path, String name) {
        Set<String> strings = new TreeSet<>();
        ClassModel model = path.find(name);
        if (model != null) {
            String directory = name.substring(0, name.lastIndexOf('/') + 1);
            for (PoolEntry entry : model.constantPool()) {
                if (entry instanceof StringEntry string) {
                    String value = string.stringValue();
                    strings.add(value.startsWith("/") ? value.substring(1) : value);
                    strings.add(directory + value);
                }
            }
        }
        return strings;
    }
}
