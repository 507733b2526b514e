package dev.d3s.natives.collect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativesCollectorTest {
    private static final String ONNX_RUNTIME = "com.microsoft.onnxruntime:onnxruntime:3";
    private static final String LIBTORCH = "ai.djl.pytorch:pytorch-native-cpu:2:jar:linux-x86_64";
    private static final String GLUE = "ai.djl.pytorch:pytorch-jni:2-1";
    private static final String TOKENIZERS = "ai.djl.huggingface:tokenizers:1";

    @TempDir
    Path directory;

    private final Properties versions = new Properties();
    private final Map<String, Map<String, byte[]>> artifacts = new HashMap<>();
    private Path output;

    @BeforeEach
    void shouldHaveArtifacts() throws IOException {
        output = directory.resolve("natives");
        versions.setProperty("djl", "1");
        versions.setProperty("libtorch", "2");
        versions.setProperty("onnxruntime", "3");
        artifacts.put(ONNX_RUNTIME,
                new HashMap<>(Map.of("ai/onnxruntime/native/linux-x64/libonnxruntime.so", bytes("runtime"),
                        "ai/onnxruntime/native/linux-x64/libonnxruntime4j_jni.so", bytes("its glue"),
                        "ai/onnxruntime/native/linux-aarch64/libonnxruntime.so", bytes("other"),
                        "ai/onnxruntime/OrtSession.class", bytes("class"))));
        artifacts.put(LIBTORCH, new HashMap<>(Map.of("pytorch/cpu/linux-x86_64/libtorch.so", bytes("torch"),
                "pytorch/cpu/linux-x86_64/libtorch_cpu.so.gz", packed("much"), "pytorch/cpu/linux-x86_64/libc10.so",
                bytes("ten"), "pytorch/cpu/linux-x86_64/libgomp-98.so.1", bytes("threads"))));
        artifacts.put(GLUE, new HashMap<>(Map.of("jnilib/linux-x86_64/cpu/libdjl_torch.so", bytes("glue"),
                "jnilib/linux-x86_64/cu128/libdjl_torch.so", bytes("other glue"))));
        artifacts.put(TOKENIZERS,
                new HashMap<>(Map.of("native/lib/linux-x86_64/cpu/libtokenizers.so", bytes("tokens"))));
    }

    @Test
    void shouldCollectEveryLibraryOfThePlatform() throws Exception {
        assertThat(collect()).containsExactly(Map.entry("onnxruntime/libonnxruntime.so", 7L),
                Map.entry("onnxruntime/libonnxruntime4j_jni.so", 8L), Map.entry("tokenizers/libtokenizers.so", 6L),
                Map.entry("torch/libc10.so", 3L), Map.entry("torch/libdjl_torch.so", 4L),
                Map.entry("torch/libgomp-98.so.1", 7L), Map.entry("torch/libtorch.so", 5L),
                Map.entry("torch/libtorch_cpu.so", 4L));
        assertThat(output.resolve("torch/libtorch_cpu.so")).hasContent("much");
        assertThat(output.resolve("torch/libdjl_torch.so")).hasContent("glue");
        Properties said = new Properties();
        said.load(Files.newBufferedReader(output.resolve("natives.properties")));
        assertThat(said).containsEntry("target", "linux-x86_64")
            .containsEntry("flavor", "cpu")
            .containsEntry("libtorch", "2");
        assertThat(output.resolve("SHA256SUMS")).content()
            .contains("e4432baa90819aaef51d2a7f8e148bf7e679610f3173752fabb4dcb2d0f418d3  torch/libc10.so\n")
            .hasLineCount(8);
        assertThat(NativesCollector.verify(output)).isEmpty();
    }

    @Test
    void shouldFindWhatChangedSince() throws Exception {
        collect();
        Files.writeString(output.resolve("torch/libtorch.so"), "Torch");
        Files.delete(output.resolve("tokenizers/libtokenizers.so"));
        assertThat(NativesCollector.verify(output)).containsExactly("tokenizers/libtokenizers.so is missing",
                "torch/libtorch.so differs from what was collected");
    }

    @Test
    void shouldReplaceAnEarlierCollectionAndNothingElse() throws Exception {
        collect();
        Files.writeString(output.resolve("torch/libold.so"), "old");
        collect();
        assertThat(output.resolve("torch/libold.so")).doesNotExist();
        Path home = Files.createDirectory(directory.resolve("home"));
        Files.writeString(home.resolve("thesis.txt"), "mine");
        output = home;
        assertThatThrownBy(this::collect).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("which has something else in it");
        assertThat(home.resolve("thesis.txt")).hasContent("mine");
    }

    @Test
    void shouldLeaveNothingBehindWhenALibraryIsMissing() throws IOException {
        Objects.requireNonNull(artifacts.get(LIBTORCH)).remove("pytorch/cpu/linux-x86_64/libc10.so");
        assertThatThrownBy(this::collect).isInstanceOf(IOException.class)
            .hasMessage(LIBTORCH + " has no libc10.so in pytorch/cpu/linux-x86_64/");
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.filter(file -> !file.toString().endsWith(".jar"))).isEmpty();
        }
    }

    @Test
    void shouldSayEverythingThatIsWrongWithWhatIsWanted() {
        assertThatThrownBy(() -> Part.of("solaris", "opencl", versions)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("--target is solaris: one of linux-x86_64, linux-aarch64, osx-aarch64")
            .hasMessageContaining("--flavor is opencl");
        assertThatThrownBy(() -> Part.of("osx-aarch64", "cu128", versions)).hasMessageContaining("linux-x86_64 only");
        assertThatThrownBy(() -> Natives.Options.parse("--flavour", "cpu")).hasMessageContaining("'--flavour'")
            .hasMessageContaining("--target is missing");
    }

    @Test
    void shouldKnowTheVersionsOfTheBuild() throws IOException {
        assertThat(NativesCollector.bundledVersions()).containsOnlyKeys("djl", "libtorch", "onnxruntime")
            .allSatisfy((name, version) -> assertThat(version.toString()).matches("[0-9.]+"));
    }

    @Test
    void shouldSayWhatMavenCouldNotBring() {
        assertThat(Natives.notBrought(LIBTORCH,
                """
                        WARNING: something else
                        [ERROR] Failed to execute goal org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy (default-cli) on \
                        project d3s-parent: Unable to find/resolve artifact. Could not find artifact a:b:jar:1 in central -> [Help 1]
                        [ERROR]\s
                        [ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.
                        """))
            .isEqualTo("Maven could not bring " + LIBTORCH
                    + ": Unable to find/resolve artifact. Could not find artifact a:b:jar:1 in central\n"
                    + "Name a repository that has it in Maven's settings, or install the jar: mvn install:install-file -Dfile=...");
    }

    @Test
    void shouldNameOtherArtifactsForAGpu() {
        assertThat(Part.of("linux-x86_64", "cu128", versions)).extracting(Part::artifact)
            .containsExactly("com.microsoft.onnxruntime:onnxruntime_gpu:3",
                    "ai.djl.pytorch:pytorch-native-cu128:2:jar:linux-x86_64", GLUE, TOKENIZERS);
        assertThat(Part.of("linux-x86_64", "cu128", versions)).extracting(Part::required)
            .contains(List.of("libonnxruntime.so", "libonnxruntime4j_jni.so", "libonnxruntime_providers_shared.so",
                    "libonnxruntime_providers_cuda.so"),
                    List.of("libtorch.so", "libtorch_cpu.so", "libtorch_cuda.so", "libc10.so", "libc10_cuda.so"));
        assertThat(Part.of("osx-aarch64", "cpu", versions)).extracting(Part::required)
            .contains(List.of("libdjl_torch.dylib"));
    }

    private Map<String, Long> collect() throws IOException, InterruptedException {
        return new NativesCollector("linux-x86_64", "cpu", versions).collect(this::jar, output);
    }

    private Path jar(String artifact) throws IOException {
        Path jar = directory.resolve(artifact.replace(':', '_') + ".jar");
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar))) {
            for (Map.Entry<String, byte[]> entry : Objects.requireNonNull(artifacts.get(artifact)).entrySet()) {
                out.putNextEntry(new ZipEntry(entry.getKey()));
                out.write(entry.getValue());
                out.closeEntry();
            }
        }
        return jar;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] packed(String text) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
            out.write(bytes(text));
        }
        return bytes.toByteArray();
    }
}
