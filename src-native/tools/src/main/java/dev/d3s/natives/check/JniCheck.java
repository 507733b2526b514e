package dev.d3s.natives.check;

import java.lang.classfile.ClassModel;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.lang.constant.MethodTypeDesc;
import java.lang.reflect.AccessFlag;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Holds the metadata to the native libraries: classes that a library names, and of these and of those that its native methods
 * take or return, every member whose name and descriptor the library contains, must be registered for JNI. That is more than
 * the library uses where a name and a descriptor meet by chance, which costs nothing.
 *
 * <p>
 * Not seen: names put together at run time; a member of a class that is neither named nor in a native method's signature,
 * such as a subclass that overrides it; arrays that the library makes.
 */
final class JniCheck {
    private final ClassPath path;
    private final Metadata metadata;
    /** Native methods of the class path, by the beginning of their symbols. */
    private final Map<String, List<String>> signatures = new HashMap<>();

    JniCheck(ClassPath path, Metadata metadata, List<ClassPath.Jar> jars) {
        this.path = path;
        this.metadata = metadata;
        for (ClassPath.Jar jar : jars) {
            jar.classes().forEach(this::addNativeMethods);
        }
    }

    private void addNativeMethods(String name) {
        ClassModel model = path.find(name);
        if (model == null) {
            return;
        }
        List<String> types = new ArrayList<>();
        for (MethodModel method : model.methods()) {
            if (method.flags().has(AccessFlag.NATIVE)) {
                MethodTypeDesc type = method.methodTypeSymbol();
                type.parameterList().forEach(parameter -> types.add(parameter.descriptorString()));
                types.add(type.returnType().descriptorString());
                types.add("L" + name + ";");
            }
        }
        if (!types.isEmpty()) {
            signatures.put(Names.symbol(name), types);
        }
    }

    List<Finding> check(String library, byte[] content) {
        NativeStrings strings = NativeStrings.of(content);
        Set<String> named = new TreeSet<>(strings.classes(path::has));
        Set<String> all = new TreeSet<>(named);
        signatures.forEach((symbol, types) -> {
            if (strings.contains(symbol)) {
                for (String type : types) {
                    if (type.startsWith("L")) {
                        all.add(type.substring(1, type.length() - 1));
                    }
                }
            }
        });
        Set<String> descriptors = strings.methodDescriptors();
        List<Finding> findings = new ArrayList<>();
        for (String name : named) {
            if (!metadata.type(Names.source(name)).jni()) {
                findings.add(finding(library, Names.source(name), "{\"type\": \"" + Names.source(name)
                        + "\", \"jniAccessible\": true}"));
            }
            String thrown = "(Ljava/lang/String;)";
            if (path.isThrowable(name) && !metadata.type(Names.source(name)).hasConstructor(thrown, true)
                    && hasConstructor(name, thrown)) {
                findings.add(member(library, name, "<init>", thrown));
            }
        }
        for (String name : all) {
            ClassModel model = path.find(name);
            if (model != null) {
                findings.addAll(members(library, name, model, strings, descriptors));
            }
        }
        return findings.stream().distinct().toList();
    }

    private boolean hasConstructor(String name, String parameters) {
        ClassModel model = path.find(name);
        return model != null && model.methods()
            .stream()
            .anyMatch(method -> method.methodName().equalsString("<init>")
                    && Names.parameters(method.methodType().stringValue()).equals(parameters));
    }

    private List<Finding> members(String library, String name, ClassModel model, NativeStrings strings,
            Set<String> descriptors) {
        Metadata.Type registered = metadata.type(Names.source(name));
        List<Finding> findings = new ArrayList<>();
        for (MethodModel method : model.methods()) {
            String methodName = method.methodName().stringValue();
            String descriptor = method.methodType().stringValue();
            String parameters = Names.parameters(descriptor);
            boolean constructor = methodName.equals("<init>");
            if (method.flags().has(AccessFlag.NATIVE) || method.flags().has(AccessFlag.SYNTHETIC)
                    || methodName.equals("<clinit>") || !descriptors.contains(descriptor)
                    || !strings.ends(methodName)) {
                continue;
            }
            boolean covered = constructor
                    ? registered.hasConstructor(parameters, true)
                    : registered.hasMethod(methodName, parameters, true);
            if (!covered) {
                findings.add(member(library, name, methodName, parameters));
            }
        }
        for (FieldModel field : model.fields()) {
            String fieldName = field.fieldName().stringValue();
            if (strings.ends("\0" + fieldName) && strings.hasFieldDescriptor(field.fieldType().stringValue())
                    && !registered.hasField(fieldName, true)) {
                findings.add(finding(library, Names.source(name) + "." + fieldName, "{\"type\": \"" + Names.source(name)
                        + "\", \"jniAccessible\": true, \"fields\": [{\"name\": \"" + fieldName + "\"}]}"));
            }
        }
        return findings;
    }

    private static Finding member(String library, String type, String name, String parameters) {
        List<String> types = MethodTypeDesc.ofDescriptor(parameters + "V")
            .parameterList()
            .stream()
            .map(parameter -> "\"" + Names.ofDescriptor(parameter.descriptorString()) + "\"")
            .toList();
        return finding(library, Names.source(type) + "." + name + parameters, "{\"type\": \"" + Names.source(type)
                + "\", \"jniAccessible\": true, \"methods\": [{\"name\": \"" + name + "\", \"parameterTypes\": ["
                + String.join(", ", types) + "]}]}");
    }

    private static Finding finding(String library, String subject, String entry) {
        return new Finding(Finding.Kind.JNI, subject,
                library + " looks it up, and no metadata registers it for JNI: add " + entry + " to \"reflection\"");
    }
}
