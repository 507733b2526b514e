package dev.d3s.natives.check;

import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeElement;
import java.lang.classfile.MethodModel;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.instruction.ConstantInstruction.LoadConstantInstruction;
import java.lang.classfile.instruction.ExceptionCatch;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.NewObjectInstruction;
import java.lang.classfile.instruction.NewReferenceArrayInstruction;
import java.lang.classfile.instruction.TypeCheckInstruction;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Quarkus has everything linked while it builds ({@code --link-at-build-time}): code that names a class that is not there ends
 * the build, where a JVM would not notice before that code runs. Finds such names in answerable jars, whether or not that code
 * is part of the executable.
 */
final class LinkCheck {
    private LinkCheck() {}

    static List<Finding> check(ClassPath path, List<ClassPath.Jar> jars, Reviewed reviewed) {
        List<Finding> findings = new ArrayList<>();
        for (ClassPath.Jar jar : jars) {
            for (ClassModel model : path.written(jar)) {
                for (String missing : missing(path, model)) {
                    String subject = Names.source(model.thisClass().asInternalName()) + " " + Names.source(missing);
                    if (!reviewed.has("link", subject)) {
                        findings.add(new Finding(Finding.Kind.LINK, subject,
                                "the first names the second, which is in no jar: add it,"
                                        + " or say in the reviewed list why that code is not in the executable"));
                    }
                }
            }
        }
        return findings;
    }

    private static Set<String> missing(ClassPath path, ClassModel model) {
        Set<String> named = new TreeSet<>();
        model.superclass().ifPresent(type -> named.add(type.asInternalName()));
        model.interfaces().forEach(type -> named.add(type.asInternalName()));
        for (MethodModel method : model.methods()) {
            method.code().ifPresent(code -> {
                for (CodeElement element : code) {
                    switch (element) {
                        case InvokeInstruction call -> named.add(call.owner().asInternalName());
                        case FieldInstruction field -> named.add(field.owner().asInternalName());
                        case NewObjectInstruction created -> named.add(created.className().asInternalName());
                        case NewReferenceArrayInstruction array -> named.add(array.componentType().asInternalName());
                        case TypeCheckInstruction check -> named.add(check.type().asInternalName());
                        case ExceptionCatch caught ->
                            caught.catchType().ifPresent(type -> named.add(type.asInternalName()));
                        case LoadConstantInstruction constant -> {
                            if (constant.constantEntry() instanceof ClassEntry type) {
                                named.add(type.asInternalName());
                            }
                        }
                        default -> {
                            // names no class
                        }
                    }
                }
            });
        }
        Set<String> missing = new TreeSet<>();
        for (String name : named) {
            int element = name.indexOf('L');
            String type = !name.startsWith("[")
                    ? name
                    : element < 0 ? "" : name.substring(element + 1, name.length() - 1);
            if (!type.isEmpty() && !path.has(type)) {
                missing.add(type);
            }
        }
        return missing;
    }
}
