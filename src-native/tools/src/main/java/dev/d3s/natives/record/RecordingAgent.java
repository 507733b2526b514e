package dev.d3s.natives.record;

import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.TypeKind;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.nio.file.Path;
import java.security.ProtectionDomain;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

/**
 * Changes classes as they are loaded: before each call that asks for something by name, its arguments are noted. Those of the
 * JDK stay as they are.
 */
public final class RecordingAgent implements ClassFileTransformer {
    private static final Map<String, Set<String>> CALLS = Map.of("java/lang/Class",
            Set.of("forName", "getMethod", "getMethods", "getDeclaredMethod", "getDeclaredMethods", "getField",
                    "getFields",
                    "getDeclaredField", "getDeclaredFields", "getConstructor", "getConstructors",
                    "getDeclaredConstructor",
                    "getDeclaredConstructors", "getRecordComponents", "getResource", "getResourceAsStream"),
            "java/lang/ClassLoader", Set.of("loadClass", "getResource", "getResources", "getResourceAsStream"),
            "java/util/ServiceLoader", Set.of("load"), "java/lang/reflect/Proxy", Set.of("newProxyInstance"),
            "java/lang/reflect/Array", Set.of("newInstance"));

    private static final ClassDesc RECORDING = ClassDesc.of("dev.d3s.natives.record.Recording");
    private static final MethodTypeDesc NOTE = MethodTypeDesc.of(ConstantDescs.CD_void, ConstantDescs.CD_String,
            ConstantDescs.CD_String, ConstantDescs.CD_Object.arrayType());

    private RecordingAgent() {}

    /** @param directory where each process writes a file of its own */
    public static void premain(String directory, Instrumentation instrumentation) throws IOException {
        Recording.start(Path.of(directory, "recording-" + ProcessHandle.current().pid()));
        instrumentation.addTransformer(new RecordingAgent());
    }

    @Override
    public byte @Nullable [] transform(@Nullable ClassLoader loader, @Nullable String name,
            @Nullable Class<?> redefined,
            @Nullable ProtectionDomain domain, byte[] content) {
        if (loader == null || name == null || name.startsWith("dev/d3s/natives/record/")) {
            return null;
        }
        try {
            return changed(loader, name, content);
        } catch (RuntimeException e) {
            System.err.println("recording: " + name + " stays as it is: " + e);
            return null;
        }
    }

    static byte @Nullable [] changed(ClassLoader loader, String name, byte[] content) {
        ClassFile file = ClassFile.of(ClassFile.ClassHierarchyResolverOption.of(ClassHierarchyResolver
            .ofResourceParsing(loader)
            .orElse(ClassHierarchyResolver.defaultResolver())));
        ClassModel model = file.parse(content);
        boolean[] asks = new boolean[1];
        byte[] changed = file.transformClass(model,
                ClassTransform.transformingMethodBodies((CodeBuilder code, CodeElement element) -> {
                    if (element instanceof InvokeInstruction call && isNoted(call)) {
                        asks[0] = true;
                        note(code, call, name.replace('/', '.'));
                    }
                    code.with(element);
                }));
        return asks[0] ? changed : null;
    }

    private static boolean isNoted(InvokeInstruction call) {
        return CALLS.getOrDefault(call.owner().asInternalName(), Set.of()).contains(call.name().stringValue());
    }

    /** Takes what is on the stack, notes it, and puts it back. */
    private static void note(CodeBuilder code, InvokeInstruction call, String caller) {
        List<ClassDesc> types = new ArrayList<>(call.typeSymbol().parameterList());
        if (call.opcode() != java.lang.classfile.Opcode.INVOKESTATIC) {
            types.addFirst(call.owner().asSymbol());
        }
        int[] slots = new int[types.size()];
        int references = 0;
        for (int i = types.size() - 1; i >= 0; i--) {
            TypeKind kind = TypeKind.from(types.get(i));
            slots[i] = code.allocateLocal(kind);
            code.storeLocal(kind, slots[i]);
            references += kind == TypeKind.REFERENCE ? 1 : 0;
        }
        String owner = call.owner().asInternalName();
        code.loadConstant(owner.substring(owner.lastIndexOf('/') + 1) + "." + call.name().stringValue());
        code.loadConstant(caller);
        code.loadConstant(references);
        code.anewarray(ConstantDescs.CD_Object);
        int index = 0;
        for (int i = 0; i < types.size(); i++) {
            if (TypeKind.from(types.get(i)) == TypeKind.REFERENCE) {
                code.dup();
                code.loadConstant(index++);
                code.aload(slots[i]);
                code.aastore();
            }
        }
        code.invokestatic(RECORDING, "note", NOTE);
        for (int i = 0; i < types.size(); i++) {
            code.loadLocal(TypeKind.from(types.get(i)), slots[i]);
        }
    }
}
