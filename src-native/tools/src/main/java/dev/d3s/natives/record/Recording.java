package dev.d3s.natives.record;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import org.jspecify.annotations.Nullable;

/**
 * What was asked for, a line each: kind, who asked, and what, with tabs between. Noted is what code asks for that has no
 * extension of Quarkus, and what anybody asks of its classes, as a JSON library does. Changed code calls it from any
 * thread; a line is in the file when the call returns, so that a program may end as it likes.
 */
public final class Recording {
    /** Packages of the jars that the reviewed list calls answerable. */
    private static final List<String> ANSWERABLE = List.of("dev.d3s.", "ai.djl.", "ai.onnx.", "ai.onnxruntime.",
            "com.github.kagkarlsson.", "com.github.luben.", "com.google.protobuf.", "com.google.re2j.", "dev.hardwood.",
            "org.sqlite.", "org.tribuo.", "org.xerial.");

    private static final Set<String> SEEN = ConcurrentHashMap.newKeySet();
    private static volatile @Nullable Path file;

    private Recording() {}

    static void start(Path target) throws IOException {
        Files.deleteIfExists(target);
        file = target;
    }

    /**
     * Notes one call. Never fails: the program has nothing to do with it.
     *
     * @param call class and method that is called
     * @param caller who calls
     * @param values the receiver of the call and its arguments that are no primitives
     */
    public static void note(String call, String caller, @Nullable Object[] values) {
        Path target = file;
        if (target == null) {
            return;
        }
        try {
            boolean answerable = isAnswerable(caller);
            for (String line : lines(call, values)) {
                boolean named = line.startsWith("class\t") || line.startsWith("member");
                if (!answerable && !(named && isAnswerable(line.substring(line.indexOf('\t') + 1)))) {
                    continue;
                }
                String whole = line.replaceFirst("\t", "\t" + caller.replace("$", "\\$") + "\t");
                if (SEEN.add(whole)) {
                    write(target, whole);
                }
            }
        } catch (IOException | RuntimeException e) {
            System.err.println("recording: " + call + " of " + caller + ": " + e);
        }
    }

    private static boolean isAnswerable(String name) {
        return ANSWERABLE.stream().anyMatch(name::startsWith);
    }

    private static synchronized void write(Path target, String line) throws IOException {
        Files.write(target, (line + "\n").getBytes(StandardCharsets.UTF_8), StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
    }

    private static List<String> lines(String call, @Nullable Object[] values) {
        return switch (call) {
            case "Class.forName", "ClassLoader.loadClass" -> {
                List<String> names = new ArrayList<>();
                for (Object value : values) {
                    if (value instanceof String name) {
                        names.add("class\t" + name);
                    }
                }
                yield names;
            }
            case "Class.getMethod", "Class.getDeclaredMethod", "Class.getConstructor", "Class.getDeclaredConstructor",
                    "Class.getField", "Class.getDeclaredField" ->
                List.of("member\t" + member(call, values));
            case "Class.getResource", "Class.getResourceAsStream" -> List.of("resource\t" + resource(values));
            case "ClassLoader.getResource", "ClassLoader.getResourceAsStream", "ClassLoader.getResources" ->
                List.of("resource\t" + values[1]);
            case "ServiceLoader.load" -> values[0] instanceof Class<?> service
                    ? List.of("service\t" + service.getName())
                    : List.of();
            case "Proxy.newProxyInstance" -> {
                List<String> interfaces = new ArrayList<>();
                if (values[1] instanceof Class<?>[] types) {
                    for (Class<?> type : types) {
                        interfaces.add(type.getName());
                    }
                }
                yield List.of("proxy\t" + String.join(",", interfaces));
            }
            case "Array.newInstance" -> values[0] instanceof Class<?> type
                    ? List.of("class\t" + type.getTypeName() + "[]")
                    : List.of();
            // every member at once
            default -> values[0] instanceof Class<?> type && !Proxy.isProxyClass(type)
                    ? List.of("members\t" + type.getName() + "\t" + call.substring(call.indexOf('.') + 1))
                    : List.of();
        };
    }

    private static String member(String call, @Nullable Object[] values) {
        StringBuilder member = new StringBuilder();
        member.append(((Class<?>) java.util.Objects.requireNonNull(values[0])).getName()).append('\t');
        boolean constructor = call.endsWith("Constructor");
        member.append(constructor ? "<init>" : values[1]);
        Object last = values[values.length - 1];
        if (!call.endsWith("Field")) {
            member.append('(');
            if (last instanceof Class<?>[] types) {
                for (Class<?> type : types) {
                    member.append(type.descriptorString());
                }
            }
            member.append(')');
        }
        return member.toString();
    }

    private static String resource(@Nullable Object[] values) {
        String name = String.valueOf(values[1]);
        if (name.startsWith("/")) {
            return name.substring(1);
        }
        String directory = values[0] instanceof Class<?> type ? type.getPackageName().replace('.', '/') : "";
        return directory.isEmpty() ? name : directory + "/" + name;
    }
}
