package dev.d3s.server.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.d3s.server.model.Architecture;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.RotaryEmbedding;
import dev.d3s.server.model.TensorType;
import dev.d3s.spi.D3sException;

class RandomCheckpointTest {
    @TempDir
    Path directory;

    @Test
    void shouldWriteADirectoryThatCanBeTrained() throws IOException {
        for (Architecture architecture : Architecture.values()) {
            ModelConfig config = new ModelConfig(architecture, 300, 32, 1, 2, 1, 16, 48, 64, RotaryEmbedding.of(5_000),
                    1e-6, architecture == Architecture.QWEN2, architecture == Architecture.QWEN3, false, List.of(0));
            Path target = directory.resolve(architecture.modelType());
            RandomCheckpoint.write(target, config, TensorType.BF16, 1);

            assertThat(ModelDirectory.check(target)).isEmpty();
            assertThat(ModelDirectory.config(target)).isEqualTo(config);
        }
    }

    /** The numbers of parameters are those that the models' publishers state. */
    @ParameterizedTest
    @CsvSource({"qwen2.5-0.5b, 494032768", "qwen2.5-1.5b, 1543714304", "qwen3-0.6b, 596049920",
            "llama-3.2-1b, 1235814400", "mistral-7b, 7248023552"})
    void shouldHaveThePublishedNumberOfParameters(String id, long parameters) {
        assertThat(ParameterLayout.parameterCount(ModelShape.named(id).config())).isEqualTo(parameters);
    }

    @Test
    void shouldNameTheKnownShapes() {
        assertThatThrownBy(() -> ModelShape.named("gpt-2")).isInstanceOf(D3sException.class)
            .hasMessageContaining("\"gpt-2\"; known are qwen2.5-0.5b, ");
    }
}
