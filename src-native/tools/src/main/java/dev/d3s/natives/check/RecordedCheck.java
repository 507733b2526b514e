package dev.d3s.natives.check;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Holds the metadata to a recording of what code asked for by name while the server ran ({@code dev.d3s.natives.record}).
 * Lines about what there is not in the jars count for nothing: such a question has the same answer in a native executable. Not
 * seen: what nobody asked for while the recording was made.
 */
final class RecordedCheck {
    private final ClassPath path;
    private final Metadata metadata;
    private final Reviewed reviewed;
    private final boolean complete;
    private final Set<String> answerable = new HashSet<>();

    /**
     * @param jars whose questions count in any case
     * @param complete whether Quarkus' own metadata is there
     */
    RecordedCheck(ClassPath path, Metadata metadata, Reviewed reviewed, List<ClassPath.Jar> jars, boolean complete) {
        this.complete = complete;
        jars.forEach(jar -> answerable.addAll(jar.classes()));
        this.path = path;
        this.metadata = metadata;
        this.reviewed = reviewed;
    }

    List<Finding> check(List<String> recording) {
        List<Finding> findings = new ArrayList<>();
        for (String line : recording) {
            String[] parts = line.split("\t", -1);
            // what an extension of Quarkus asks of our classes it also registers, and that is only known where it wrote it
            if (parts.length < 3 || line.startsWith("#") || (!complete && !isAnswerable(parts[1]))) {
                continue;
            }
            String missing = switch (parts[0]) {
                case "class" -> missingType(parts[2]);
                case "member" -> missingMember(parts[2], parts[3]);
                case "members" -> missingMembers(parts[2], parts[3]);
                case "resource" -> missingResource(parts[2]);
                case "proxy" -> metadata.hasProxy(List.of(parts[2].split(",")))
                        ? ""
                        : "{\"type\": {\"proxy\": [\"" + parts[2].replace(",", "\", \"") + "\"]}} to \"reflection\"";
                default -> ""; // services have a check of their own
            };
            String subject = parts[0] + " " + String.join(" ", List.of(parts).subList(2, parts.length));
            if (!missing.isEmpty() && !reviewed.has("recorded", parts[1] + " " + subject)) {
                findings.add(new Finding(Finding.Kind.RECORDED, parts[1] + " " + subject,
                        "was asked for while the server ran, and no metadata has it: add " + missing
                                + ", or say in the reviewed list why it does not matter"));
            }
        }
        return findings;
    }

    private boolean isAnswerable(String caller) {
        return answerable.contains(caller.replace('.', '/'));
    }

    private boolean exists(String name) {
        String element = name.replace("[]", "");
        return name.endsWith("[]") || path.has(element.replace('.', '/'));
    }

    private String missingType(String name) {
        return !exists(name) || metadata.type(name).reflective()
                ? ""
                : "{\"type\": \"" + name + "\"} to \"reflection\"";
    }

    private String missingMember(String type, String member) {
        if (!exists(type)) {
            return "";
        }
        Metadata.Type registered = metadata.type(type);
        int open = member.indexOf('(');
        String name = open < 0 ? member : member.substring(0, open);
        String parameters = open < 0 ? "" : member.substring(open);
        boolean covered = open < 0
                ? registered.hasField(name, false)
                : name.equals("<init>")
                        ? registered.hasConstructor(parameters, false)
                        : registered.hasMethod(name, parameters, false);
        return covered ? "" : "'" + member + "' of {\"type\": \"" + type + "\"} to \"reflection\"";
    }

    private String missingMembers(String type, String call) {
        if (!exists(type)) {
            return "";
        }
        Metadata.Type registered = metadata.type(type);
        String flag = switch (call) {
            case "getMethods" -> "allPublicMethods";
            case "getDeclaredMethods" -> "allDeclaredMethods";
            case "getFields" -> "allPublicFields";
            case "getDeclaredFields" -> "allDeclaredFields";
            case "getConstructors" -> "allPublicConstructors";
            case "getDeclaredConstructors" -> "allDeclaredConstructors";
            default -> "";
        };
        return flag.isEmpty() || registered.hasFlag(flag)
                ? ""
                : "{\"type\": \"" + type + "\", \"" + flag + "\": true} to \"reflection\"";
    }

    private String missingResource(String name) {
        boolean there = path.jars().stream().anyMatch(jar -> jar.resources().contains(name));
        return !there || metadata.hasResource(name) ? "" : "{\"glob\": \"" + name + "\"} to \"resources\"";
    }
}
