package dev.d3s.server.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.FloatBuffer;
import java.util.List;

import org.junit.jupiter.api.Test;

class RandomInitializationTest {
    private static final ModelConfig CONFIG = ModelConfig.qwen2(500, 64, 2, 4, 2, 16, 128, 64, 10_000, 1e-6, false,
            List.of(0));

    @Test
    void shouldDrawMatricesAndSetNormsAndBiases() {
        try (MemoryWeights exact = RandomInitialization.of(CONFIG, 1);
                MemoryWeights rough = RandomInitialization.rough(CONFIG, 1)) {
            shouldBeInitialized(exact);
            shouldBeInitialized(rough);
        }
    }

    private static void shouldBeInitialized(MemoryWeights weights) {
        for (int index = 0; index < weights.parameters().size(); index++) {
            Parameter parameter = weights.parameters().get(index);
            FloatBuffer values = weights.values(index).asFloatBuffer();
            double sum = 0;
            double squares = 0;
            for (int at = 0; at < values.limit(); at++) {
                sum += values.get(at);
                squares += (double) values.get(at) * values.get(at);
            }
            double mean = sum / values.limit();
            double deviation = Math.sqrt(squares / values.limit() - mean * mean);
            boolean matrix = parameter.shape().length == 2;
            // five standard errors
            double tolerance = 5 * 0.02 / Math.sqrt(values.limit());
            assertThat(mean).as(parameter.name())
                .isEqualTo(matrix || parameter.name().endsWith("bias") ? 0 : 1, within(matrix ? tolerance : 0));
            assertThat(deviation).as(parameter.name()).isEqualTo(matrix ? 0.02 : 0, within(matrix ? tolerance : 0));
        }
    }

    @Test
    void shouldDependOnTheSeedAlone() {
        try (MemoryWeights one = RandomInitialization.of(CONFIG, 1);
                MemoryWeights same = RandomInitialization.of(CONFIG, 1);
                MemoryWeights other = RandomInitialization.of(CONFIG, 2)) {
            ModelDirectoryTest.assertSameBits(same, one);
            assertThat(other.values(0)).isNotEqualTo(one.values(0));
        }
    }
}
