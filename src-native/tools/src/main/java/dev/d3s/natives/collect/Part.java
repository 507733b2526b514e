package dev.d3s.natives.collect;

import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/**
 * Libraries that one artifact brings.
 *
 * @param artifact its Maven coordinates, as {@code dependency:copy} wants them
 * @param inside the directory in the jar, with a slash at its end
 * @param directory where they go
 * @param required names that must be among them
 */
record Part(String artifact, String inside, String directory, List<String> required) {
    private static final List<String> TARGETS = List.of("linux-x86_64", "linux-aarch64", "osx-aarch64");
    private static final List<String> FLAVORS = List.of("cpu", "cu128");

    /**
     * Everything that a server needs.
     *
     * @param target the machine, {@code linux-x86_64}
     * @param flavor {@code cpu} or {@code cu128}
     * @param versions of {@code djl}, {@code libtorch} and {@code onnxruntime}
     * @throws IllegalArgumentException naming every mistake
     */
    static List<Part> of(String target, String flavor, Properties versions) {
        List<String> mistakes = new ArrayList<>();
        if (!TARGETS.contains(target)) {
            mistakes.add("--target is " + target + ": one of " + String.join(", ", TARGETS));
        }
        if (!FLAVORS.contains(flavor)) {
            mistakes.add("--flavor is " + flavor + ": one of " + String.join(", ", FLAVORS));
        } else if (!flavor.equals("cpu") && TARGETS.contains(target) && !target.equals("linux-x86_64")) {
            mistakes.add("--flavor " + flavor + " exists for linux-x86_64 only");
        }
        if (!mistakes.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", mistakes));
        }
        String djl = versions.getProperty("djl");
        String libtorch = versions.getProperty("libtorch");
        boolean gpu = !flavor.equals("cpu");
        List<String> ofRuntime = gpu
                ? List.of("onnxruntime", "onnxruntime4j_jni", "onnxruntime_providers_shared",
                        "onnxruntime_providers_cuda")
                : List.of("onnxruntime", "onnxruntime4j_jni");
        List<String> ofTorch = gpu
                ? List.of("torch", "torch_cpu", "torch_cuda", "c10", "c10_cuda")
                : List.of("torch", "torch_cpu", "c10");
        return List.of(
                new Part("com.microsoft.onnxruntime:" + (gpu ? "onnxruntime_gpu" : "onnxruntime") + ":"
                        + versions.getProperty("onnxruntime"),
                        "ai/onnxruntime/native/" + target.replace("x86_64", "x64") + "/", "onnxruntime",
                        libraries(target, ofRuntime)),
                new Part("ai.djl.pytorch:pytorch-native-" + flavor + ":" + libtorch + ":jar:" + target,
                        "pytorch/" + flavor + "/" + target + "/", "torch", libraries(target, ofTorch)),
                new Part("ai.djl.pytorch:pytorch-jni:" + libtorch + "-" + djl, "jnilib/" + target + "/" + flavor + "/",
                        "torch", libraries(target, List.of("djl_torch"))),
                new Part("ai.djl.huggingface:tokenizers:" + djl, "native/lib/" + target + "/cpu/", "tokenizers",
                        libraries(target, List.of("tokenizers"))));
    }

    /** Their files' names. */
    private static List<String> libraries(String target, List<String> names) {
        return names.stream().map(name -> "lib" + name + (target.startsWith("osx") ? ".dylib" : ".so")).toList();
    }
}
