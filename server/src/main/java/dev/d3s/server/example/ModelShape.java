package dev.d3s.server.example;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

import dev.d3s.server.model.Architecture;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.RotaryEmbedding;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** Shapes of published models, from their {@code config.json}, with the end-of-sequence token of {@link TokenizerFiles}. */
public enum ModelShape {
    QWEN2_5_0_5B("qwen2.5-0.5b", Architecture.QWEN2, 151_936, 896, 24, 14, 2, 64, 4_864, 32_768, 1e6, 1e-6,
            true), QWEN2_5_1_5B("qwen2.5-1.5b", Architecture.QWEN2, 151_936, 1_536, 28, 12, 2, 128, 8_960, 131_072, 1e6,
                    1e-6, true), QWEN3_0_6B("qwen3-0.6b", Architecture.QWEN3, 151_936, 1_024, 28, 16, 8, 128, 3_072,
                            40_960, 1e6, 1e-6, true), LLAMA_3_2_1B("llama-3.2-1b", Architecture.LLAMA, 128_256, 2_048,
                                    16, 32, 8, 64, 8_192, 131_072, 5e5, 1e-5, true), MISTRAL_7B("mistral-7b",
                                            Architecture.MISTRAL, 32_768, 4_096, 32, 32, 8, 128, 14_336, 32_768, 1e6,
                                            1e-5, false);

    private final String id;
    private final ModelConfig config;

    ModelShape(String id, Architecture architecture, int vocabulary, int hidden, int layers, int heads,
            int keyValueHeads, int headDim, int intermediate, int context, double theta, double epsilon,
            boolean tied) {
        RotaryEmbedding rotary = architecture == Architecture.LLAMA
                ? new RotaryEmbedding(theta, new RotaryEmbedding.Scaling.Llama3(32, 1, 4, 8_192))
                : RotaryEmbedding.of(theta);
        this.id = id;
        this.config = new ModelConfig(architecture, vocabulary, hidden, layers, heads, keyValueHeads, headDim,
                intermediate, context, rotary, epsilon, architecture == Architecture.QWEN2,
                architecture == Architecture.QWEN3, tied, List.of(0));
    }

    /** Its name in commands, such as {@code qwen2.5-0.5b}. */
    public String id() {
        return id;
    }

    public ModelConfig config() {
        return config;
    }

    /** @throws D3sException naming the known ones */
    public static ModelShape named(String id) {
        for (ModelShape shape : values()) {
            if (shape.id.equals(id.toLowerCase(Locale.ROOT))) {
                return shape;
            }
        }
        throw new D3sException(ErrorCategory.USER, "unknown_shape", "There is no model shape \"" + id + "\"; known are "
                + String.join(", ", Arrays.stream(values()).map(ModelShape::id).toList()) + ".");
    }
}
