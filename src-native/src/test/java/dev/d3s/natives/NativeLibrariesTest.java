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
        assertThat(NativeLibraries.locate(directory, Map.of(), "linux-x86_64", true))
            .isEqualTo(new NativeLibraries(directory, null, null));
    }

    @Test
    void shouldSayHowToGiveLibtorchWhenItIsMissing() {
        assertThatThrownBy(() -> NativeLibraries.locate(directory, Map.of(), "linux-x86_64", false))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("pytorch-native-cpu")
            .hasMessageContaining("PYTORCH_LIBRARY_PATH");
        assertThatThrownBy(() -> NativeLibraries.locate(directory, Map.of(), "linux-aarch64", true))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("linux-aarch64");
    }

    @Test
    void shouldHonourDirectoriesOfTheEnvironment() throws IOException {
        Files.createFile(directory.resolve(System.mapLibraryName("torch")));
        Files.createFile(directory.resolve(System.mapLibraryName("onnxruntime")));
        NativeLibraries libraries = NativeLibraries.locate(directory.resolve("cache"),
                Map.of("PYTORCH_LIBRARY_PATH", directory.toString(), "PYTORCH_VERSION", "2.7.1", "PYTORCH_FLAVOR",
                        "cu128", "ONNXRUNTIME_LIBRARY_PATH", directory.toString()),
                "linux-x86_64", false);
        assertThat(libraries.libtorch()).isEqualTo(directory);
        assertThat(libraries.onnxRuntime()).isEqualTo(directory);
    }

    @Test
    void shouldRefuseADirectoryWithoutTheLibraryOrItsFlavour() throws IOException {
        Map<String, String> environment = Map.of("PYTORCH_LIBRARY_PATH", directory.toString(), "PYTORCH_VERSION",
                "2.7.1");
        assertThatThrownBy(() -> NativeLibraries.locate(directory, environment, "linux-x86_64", true))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("there is no libtorch");
        Files.createFile(directory.resolve(System.mapLibraryName("torch")));
        assertThatThrownBy(() -> NativeLibraries.locate(directory, environment, "linux-x86_64", true))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("PYTORCH_FLAVOR");
    }
}
