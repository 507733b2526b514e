package dev.d3s.server.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.model.HuggingFaceModel;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.ParameterLayout;

class ExampleModelsTest {
    @TempDir
    Path directory;

    @Test
    void shouldHoldEverySymbolOfTheTask() throws IOException {
        ModelConfig config = ExampleModels.arithmetic(directory, 1);

        assertThat(ModelDirectory.check(directory)).isEmpty();
        assertThat(ParameterLayout.parameterCount(config)).isEqualTo(299_136);
        try (HuggingFaceModel model = ModelDirectory.open(directory)) {
            var problem = new ArithmeticTask.Problem(478, 718);
            int[] prompt = model.tokenizer().encode(problem.prompt());
            int[] completion = model.tokenizer().encode(problem.completion());
            assertThat(prompt).hasSize(8).doesNotContain(2);
            assertThat(completion).hasSize(31).doesNotContain(2);
            assertThat(model.config().endOfSequenceTokens()).containsExactly(0);
            assertThat(model.tokenizer().encode(TokenizerFiles.END)).containsExactly(0);
        }
    }

    @Test
    void shouldHoldAnyText() throws IOException {
        ModelConfig config = ExampleModels.bytes(directory, 1);

        assertThat(config.vocabularySize()).isEqualTo(258);
        assertThat(config.contextLength()).isEqualTo(1024);
        assertThat(ModelDirectory.check(directory)).isEmpty();
    }
}
