package dev.d3s.natives.check;

import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeElement;
import java.lang.classfile.MethodModel;
import java.lang.classfile.instruction.InvokeInstruction;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Finds calls whose targets only show at run time, and wants a decision about each class that has one: metadata for its
 * targets, or a reason why there are none. Not seen: such calls that a method handle or reflection itself makes, and those of
 * the jars that the reviewed list does not name.
 */
final class CallCheck {
    private static final Map<String, Set<String>> CALLS = Map.of("java/lang/Class",
            Set.of("forName", "getMethod", "getMethods", "getDeclaredMethod", "getDeclaredMethods", "getField",
                    "getFields",
                    "getDeclaredField", "getDeclaredFields", "getConstructor", "getConstructors",
                    "getDeclaredConstructor",
                    "getDeclaredConstructors", "newInstance", "getRecordComponents", "getDeclaredClasses"),
            "java/lang/ClassLoader", Set.of("loadClass", "findClass", "defineClass"), "java/util/ServiceLoader",
            Set.of("load", "loadInstalled"), "java/lang/reflect/Proxy", Set.of("newProxyInstance", "getProxyClass"),
            "java/lang/reflect/Array", Set.of("newInstance"), "java/io/ObjectInputStream",
            Set.of("<init>", "readObject"),
            "java/lang/invoke/MethodHandles$Lookup",
            Set.of("findVirtual", "findStatic", "findConstructor", "findSpecial", "findVarHandle", "findClass",
                    "defineClass",
                    "defineHiddenClass", "findGetter", "findSetter"),
            "java/util/ResourceBundle", Set.of("getBundle"), "java/net/URLClassLoader", Set.of("<init>"),
            "com/fasterxml/jackson/databind/ObjectMapper",
            Set.of("readValue", "convertValue", "treeToValue", "valueToTree"));

    private CallCheck() {}

    static List<Finding> check(ClassPath path, List<ClassPath.Jar> jars, Reviewed reviewed) {
        List<Finding> findings = new ArrayList<>();
        for (ClassPath.Jar jar : jars) {
            Set<String> subjects = new TreeSet<>();
            for (ClassModel model : path.written(jar)) {
                calls(model).forEach(call -> subjects.add(outer(model.thisClass().asInternalName()) + " " + call));
            }
            for (String subject : subjects) {
                if (!reviewed.has("call", subject)) {
                    findings
                        .add(new Finding(Finding.Kind.CALL, subject, "nobody has looked at this call in " + jar.name()
                                + ": register what it reaches at run time, and say so in the reviewed list"));
                }
            }
        }
        return findings;
    }

    private static String outer(String name) {
        int nested = name.indexOf('$');
        return Names.source(nested < 0 ? name : name.substring(0, nested));
    }

    private static Set<String> calls(ClassModel model) {
        Set<String> calls = new TreeSet<>();
        for (MethodModel method : model.methods()) {
            method.code().ifPresent(code -> {
                for (CodeElement element : code) {
                    if (element instanceof InvokeInstruction call) {
                        String owner = call.owner().asInternalName();
                        String name = call.name().stringValue();
                        if (CALLS.getOrDefault(owner, Set.of()).contains(name)) {
                            calls.add(owner.substring(owner.lastIndexOf('/') + 1).replace('$', '.') + "." + name);
                        }
                    }
                }
            });
        }
        return calls;
    }
}
