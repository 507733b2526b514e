package dev.d3s.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibrariesTest {
    @TempDir
    Path directory;

    @Test
    void shouldUseTheBundledLibrariesWhenNothingIsSaid() {
        assertThat(NativeLibraries.locate(directory, Map.of(), "linux-x86_64", true, true, null))
            .isEqualTo(new NativeLibraries(directory, null, null, null, null, null));
    }

    @Test
    void shouldSayHowToGetWhatIsMissing() {
        assertThatThrownBy(
                () -> NativeLibraries.locate(directory, Map.of(), "linux-x86_64", true, false, null))
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("libtorch is missing for linux-x86_64: run ./d3s natives --target linux-x86_64 --flavor cpu"
                    + " --output natives, and set D3S_NATIVES to that directory");
        assertThatThrownBy(() -> NativeLibraries.locate(directory, Map.of(), "linux-aarch64", true, true, null))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("libtorch is missing for linux-aarch64");
        assertThatThrownBy(() -> NativeLibraries.locate(directory, Map.of(), "linux-x86_64", false, false,
                Path.of("/opt/d3s/natives")))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageStartingWith("libtorch, ONNX Runtime, the tokenizers' library are missing")
            .hasMessageContaining("--output /opt/d3s/natives");
    }

    @Test
    void shouldUseACollectionBeforeTheJars() throws IOException {
        Path natives = collection("linux-x86_64", "torch/libtorch.so", "onnxruntime/libonnxruntime.so");
        NativeLibraries expected = new NativeLibraries(directory, natives.resolve("torch"),
                natives.resolve("onnxruntime"), natives.resolve("tokenizers/libtokenizers.so"), "2.7.1", "cpu");
        assertThat(NativeLibraries.locate(directory, Map.of("D3S_NATIVES", natives.toString()), "linux-x86_64", true,
                true, null))
            .isEqualTo(expected);
        assertThat(NativeLibraries.locate(directory, Map.of(), "linux-x86_64", false, false, natives))
            .isEqualTo(expected);
    }

    @Test
    void shouldUseOneLibraryOfTheEnvironmentBeforeACollection() throws IOException {
        Path natives = collection("linux-x86_64", "torch/libtorch.so");
        Files.createFile(directory.resolve(System.mapLibraryName("onnxruntime")));
        NativeLibraries libraries = NativeLibraries.locate(directory,
                Map.of("D3S_NATIVES", natives.toString(), "ONNXRUNTIME_LIBRARY_PATH", directory.toString()),
                "linux-x86_64", true, true, null);
        assertThat(libraries.onnxRuntime()).isEqualTo(directory);
        assertThat(libraries.libtorch()).isEqualTo(natives.resolve("torch"));
    }

    @Test
    void shouldNameTheFilesThatACollectionLost() throws IOException {
        Path natives = collection("linux-x86_64", "torch/libtorch.so", "torch/libc10.so",
                "tokenizers/libtokenizers.so");
        Files.delete(natives.resolve("torch/libc10.so"));
        Files.delete(natives.resolve("tokenizers/libtokenizers.so"));
        assertThatThrownBy(() -> NativeLibraries.locate(directory, Map.of("D3S_NATIVES", natives.toString()),
                "linux-x86_64", true, true, null))
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("Of the native libraries in " + natives + ", torch/libc10.so, tokenizers/libtokenizers.so are"
                    + " missing: run ./d3s natives --target linux-x86_64 --flavor cpu --output " + natives);
    }

    @Test
    void shouldRefuseACollectionForAnotherMachineOrNone() throws IOException {
        Path natives = collection("linux-aarch64", "torch/libtorch.so");
        assertThatThrownBy(() -> NativeLibraries.locate(directory, Map.of("D3S_NATIVES", natives.toString()),
                "linux-x86_64", true, true, null))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("are for linux-aarch64, and this machine is linux-x86_64");
        assertThatThrownBy(() -> NativeLibraries.locate(directory, Map.of("D3S_NATIVES", directory.toString()),
                "linux-x86_64", true, true, null))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("There is no natives.properties");
        assertThatThrownBy(() -> NativeLibraries.locate(directory, Map.of("D3S_NATIVES", "/nowhere"), "linux-x86_64",
                true, true, null))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("D3S_NATIVES is /nowhere, which is no directory");
    }

    @Test
    void shouldWantTheFileOfTheTokenizers() throws IOException {
        assertThatThrownBy(() -> NativeLibraries.locate(directory, Map.of("RUST_LIBRARY_PATH", directory.toString()),
                "linux-x86_64", true, true, null))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("which is no file libtokenizers.so");
        Path file = Files.createFile(directory.resolve("libtokenizers.so"));
        assertThat(NativeLibraries.locate(directory, Map.of("RUST_LIBRARY_PATH", file.toString()), "linux-x86_64",
                true, true, null)
            .tokenizers()).isEqualTo(file);
    }

    private Path collection(String target, String... files) throws IOException {
        Path natives = Files.createDirectory(directory.resolve("natives"));
        StringBuilder sums = new StringBuilder();
        for (String file : files) {
            Files.createDirectories(natives.resolve(file).getParent());
            Files.createFile(natives.resolve(file));
            sums.append("0".repeat(64)).append("  ").append(file).append('\n');
        }
        Files.writeString(natives.resolve("SHA256SUMS"), sums);
        Files.writeString(natives.resolve("natives.properties"),
                "target=" + target + "\nflavor=cpu\nlibtorch=2.7.1\n");
        return natives;
    }

    @Test
    void shouldHonourDirectoriesOfTheEnvironment() throws IOException {
        Files.createFile(directory.resolve(System.mapLibraryName("torch")));
        Files.createFile(directory.resolve(System.mapLibraryName("onnxruntime")));
        NativeLibraries libraries = NativeLibraries.locate(directory.resolve("cache"),
                Map.of("PYTORCH_LIBRARY_PATH", directory.toString(), "PYTORCH_VERSION", "2.7.1", "PYTORCH_FLAVOR",
                        "cu128", "ONNXRUNTIME_LIBRARY_PATH", directory.toString()),
                "linux-x86_64", true, false, null);
        assertThat(libraries.libtorch()).isEqualTo(directory);
        assertThat(libraries.onnxRuntime()).isEqualTo(directory);
    }

    @Test
    void shouldRefuseADirectoryWithoutTheLibraryOrItsFlavour() throws IOException {
        Map<String, String> environment = Map.of("PYTORCH_LIBRARY_PATH", directory.toString(), "PYTORCH_VERSION",
                "2.7.1");
        assertThatThrownBy(() -> NativeLibraries.locate(directory, environment, "linux-x86_64", true, true, null))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("there is no libtorch");
        Files.createFile(directory.resolve(System.mapLibraryName("torch")));
        assertThatThrownBy(() -> NativeLibraries.locate(directory, environment, "linux-x86_64", true, true, null))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("PYTORCH_FLAVOR");
    }
}
