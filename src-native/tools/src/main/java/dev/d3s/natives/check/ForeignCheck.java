package dev.d3s.natives.check;

import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeElement;
import java.lang.classfile.MethodModel;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Holds the metadata to the calls of native functions: a builder makes code for each signature that is registered. Signatures
 * are read off the code of classes that make such calls: the layouts named between one {@code FunctionDescriptor} and the
 * next. Where they cannot be, that is a finding.
 */
final class ForeignCheck {
    private static final String FOREIGN = "java/lang/foreign/";
    private static final String SHARED_ARENAS = "-H:+SharedArenaSupport";
    private static final Map<String, String> LAYOUTS = Map.ofEntries(Map.entry("JAVA_BOOLEAN", "jboolean"),
            Map.entry("JAVA_BYTE", "jbyte"), Map.entry("JAVA_CHAR", "jchar"), Map.entry("JAVA_SHORT", "jshort"),
            Map.entry("JAVA_INT", "jint"), Map.entry("JAVA_LONG", "jlong"), Map.entry("JAVA_FLOAT", "jfloat"),
            Map.entry("JAVA_DOUBLE", "jdouble"), Map.entry("ADDRESS", "void*"));

    private ForeignCheck() {}

    static List<Finding> check(ClassPath path, Metadata metadata, List<ClassPath.Jar> jars,
            Reviewed reviewed) {
        List<Finding> findings = new ArrayList<>();
        for (ClassPath.Jar jar : jars) {
            for (ClassModel model : path.written(jar)) {
                String name = Names.source(model.thisClass().asInternalName());
                if (makesCalls(model) && !reviewed.has("foreign", name)) {
                    findings.addAll(check(name, signatures(model), metadata));
                }
            }
        }
        return findings;
    }

    /** Memory that threads share takes an argument of the builder. */
    static List<Finding> checkArenas(ClassPath path, BuildArguments arguments, String properties,
            List<ClassPath.Jar> jars) {
        if (properties.contains(SHARED_ARENAS) || arguments.has(SHARED_ARENAS)) {
            return List.of();
        }
        List<Finding> findings = new ArrayList<>();
        for (ClassPath.Jar jar : jars) {
            for (ClassModel model : path.written(jar)) {
                if (calls(model, FOREIGN + "Arena", "ofShared")) {
                    findings.add(new Finding(Finding.Kind.ARGUMENT, Names.source(model.thisClass().asInternalName()),
                            "it shares memory between threads (Arena.ofShared): add " + SHARED_ARENAS
                                    + " to the builder's arguments"));
                }
            }
        }
        return findings;
    }

    private static List<Finding> check(String name, List<String> signatures, Metadata metadata) {
        if (signatures.isEmpty() || signatures.contains("")) {
            return List.of(new Finding(Finding.Kind.FOREIGN, name,
                    "the signatures of the functions that it calls cannot be read"
                            + " off its code: write its FunctionDescriptors with constants of ValueLayout, and without options"));
        }
        List<Finding> findings = new ArrayList<>();
        for (String signature : signatures) {
            if (!metadata.hasDowncall(signature)) {
                int open = signature.indexOf('(');
                String parameters = signature.substring(open + 1, signature.length() - 1);
                findings.add(new Finding(Finding.Kind.FOREIGN, name + " " + signature,
                        "no metadata registers it: add {\"returnType\": \"" + signature.substring(0, open)
                                + "\", \"parameterTypes\": ["
                                + (parameters.isEmpty() ? "" : "\"" + parameters.replace(",", "\", \"") + "\"")
                                + "]} to \"downcalls\" of \"foreign\""));
            }
        }
        return findings;
    }

    private static boolean makesCalls(ClassModel model) {
        return calls(model, FOREIGN + "Linker", "downcallHandle") || calls(model, FOREIGN + "Linker", "upcallStub");
    }

    private static boolean calls(ClassModel model, String owner, String name) {
        return model.methods()
            .stream()
            .flatMap(method -> method.code().stream())
            .flatMap(code -> code.elementStream())
            .anyMatch(element -> element instanceof InvokeInstruction call
                    && call.owner().asInternalName().equals(owner) && call.name().equalsString(name));
    }

    /** Each as {@code jint(jlong,jlong)}; an empty one where there are options or other layouts. */
    private static List<String> signatures(ClassModel model) {
        List<String> signatures = new ArrayList<>();
        for (MethodModel method : model.methods()) {
            List<String> layouts = new ArrayList<>();
            method.code().ifPresent(code -> {
                for (CodeElement element : code) {
                    if (element instanceof FieldInstruction field
                            && field.typeSymbol().descriptorString().startsWith("L" + FOREIGN)
                            && field.opcode().sizeIfFixed() == 3
                            && field.typeSymbol().descriptorString().contains("Layout")) {
                        layouts.add(field.owner().asInternalName().equals(FOREIGN + "ValueLayout")
                                ? LAYOUTS.getOrDefault(field.name().stringValue(), "?")
                                : "?");
                    } else if (element instanceof InvokeInstruction call) {
                        String owner = call.owner().asInternalName();
                        if (owner.equals(FOREIGN + "FunctionDescriptor")) {
                            signatures.add(signature(call.name().stringValue(), layouts));
                            layouts.clear();
                        } else if (owner.equals(FOREIGN + "Linker$Option") || call.name().equalsString("upcallStub")) {
                            signatures.add("");
                        }
                    }
                }
            });
        }
        return signatures;
    }

    private static String signature(String factory, List<String> layouts) {
        if (layouts.contains("?")) {
            return "";
        }
        return switch (factory) {
            case "of" -> layouts.isEmpty()
                    ? ""
                    : layouts.getFirst() + "(" + String.join(",", layouts.subList(1, layouts.size())) + ")";
            case "ofVoid" -> "void(" + String.join(",", layouts) + ")";
            default -> "";
        };
    }
}
