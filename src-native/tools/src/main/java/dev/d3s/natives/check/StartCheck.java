package dev.d3s.natives.check;

import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeElement;
import java.lang.classfile.MethodModel;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.NewObjectInstruction;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Quarkus starts classes while an executable is built: what their static initializers find out is what the executable has.
 * Finds those of ours that ask for something of the machine that runs them (a variable, the time, a random number, a thread,
 * a native function), or touch a class that starts at run time, and do not start at run time themselves. Follows calls of
 * methods of ours, not lambdas.
 */
final class StartCheck {
    private static final int DEPTH = 5;

    /** Methods, or whole classes, by the beginning of class and method. */
    private static final List<String> OF_THE_MACHINE = List.of("java/lang/System.getenv",
            "java/lang/System.getProperty", "java/lang/System.setProperty", "java/lang/System.console",
            "java/lang/System.nanoTime", "java/lang/System.currentTimeMillis", "java/lang/System.load",
            "java/lang/Runtime.",
            "java/lang/Thread.", "java/lang/ProcessHandle", "java/lang/ProcessBuilder.", "java/lang/Math.random",
            "java/lang/Integer.getInteger", "java/lang/Long.getLong", "java/lang/Boolean.getBoolean",
            "java/io/File.createTempFile", "java/io/FileInputStream.", "java/io/FileOutputStream.",
            "java/io/RandomAccessFile.", "java/nio/channels/", "java/lang/ref/Cleaner.", "java/lang/foreign/Linker.",
            "java/lang/foreign/SymbolLookup.", "java/lang/foreign/Arena.", "java/lang/management/",
            "java/net/InetAddress.getLocalHost", "java/net/InetAddress.getByName",
            "java/net/InetAddress.getAllByName",
            "java/net/http/HttpClient.", "java/net/NetworkInterface.", "java/net/Socket.", "java/net/ServerSocket.",
            "java/nio/charset/Charset.defaultCharset", "java/util/Locale.getDefault", "java/util/TimeZone.getDefault",
            "java/nio/file/Files.",
            "java/nio/ByteBuffer.allocateDirect", "java/security/SecureRandom.", "java/time/Clock.system",
            "java/time/ZoneId.systemDefault", "java/util/Random.<init>", "java/util/SplittableRandom.<init>",
            "java/util/UUID.randomUUID", "java/util/Timer.", "java/util/concurrent/Executors.",
            "java/util/concurrent/ThreadLocalRandom.", "java/util/concurrent/ThreadPoolExecutor.<init>",
            "java/util/concurrent/ScheduledThreadPoolExecutor.<init>", "java/util/concurrent/ForkJoinPool.",
            "java/util/concurrent/CompletableFuture.runAsync", "java/util/concurrent/CompletableFuture.supplyAsync");

    private final ClassPath path;
    private final BuildArguments arguments;
    private final String properties;

    StartCheck(ClassPath path, BuildArguments arguments, String properties) {
        this.path = path;
        this.arguments = arguments;
        this.properties = properties;
    }

    List<Finding> check(List<ClassPath.Jar> jars, Reviewed reviewed) {
        List<Finding> findings = new ArrayList<>();
        for (ClassPath.Jar jar : jars) {
            Set<String> classes = Set.copyOf(jar.classes());
            for (ClassModel model : path.written(jar)) {
                String name = model.thisClass().asInternalName();
                if (startsAtRunTime(name)) {
                    continue;
                }
                for (MethodModel method : model.methods()) {
                    if (method.methodName().equalsString("<clinit>")) {
                        String reason = reason(method, classes, new HashSet<>(), DEPTH);
                        if (!reason.isEmpty() && !reviewed.has("start", Names.source(name))) {
                            findings.add(new Finding(Finding.Kind.INITIALIZATION, Names.source(name),
                                    "its static initializer " + reason
                                            + ", which would happen while the executable is built: add"
                                            + " it to --initialize-at-run-time, or do that later"));
                        }
                    }
                }
            }
        }
        return findings;
    }

    private boolean startsAtRunTime(String name) {
        return arguments.startsAtRunTime(Names.source(name), properties);
    }

    private String reason(MethodModel method, Set<String> within, Set<String> seen, int depth) {
        if (depth == 0 || method.code().isEmpty()) {
            return "";
        }
        for (CodeElement element : method.code().get()) {
            String found = switch (element) {
                case InvokeInstruction call -> called(call, within, seen, depth);
                case FieldInstruction field -> touched(field.owner().asInternalName());
                case NewObjectInstruction created -> touched(created.className().asInternalName());
                default -> "";
            };
            if (!found.isEmpty()) {
                return found;
            }
        }
        return "";
    }

    private String called(InvokeInstruction call, Set<String> within, Set<String> seen, int depth) {
        String owner = call.owner().asInternalName();
        String target = owner + "." + call.name().stringValue();
        if (OF_THE_MACHINE.stream().anyMatch(target::startsWith)
                || (owner.startsWith("java/time/") && call.name().equalsString("now"))) {
            return "calls " + Names.source(target);
        }
        String touched = touched(owner);
        if (!touched.isEmpty() || !(owner.startsWith("dev/d3s/") || within.contains(owner))
                || !seen.add(target + call.type().stringValue())) {
            return touched;
        }
        ClassModel model = path.find(owner);
        if (model != null) {
            for (MethodModel method : model.methods()) {
                if (method.methodName().equals(call.name()) && method.methodType().equals(call.type())) {
                    return reason(method, within, seen, depth - 1);
                }
            }
        }
        return "";
    }

    private String touched(String owner) {
        return startsAtRunTime(owner) ? "touches " + Names.source(owner) : "";
    }
}
