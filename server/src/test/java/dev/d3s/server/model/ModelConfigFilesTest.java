package dev.d3s.server.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.model.RotaryEmbedding.Scaling;

/** Configurations as the families' publishers write them. */
class ModelConfigFilesTest {
    @TempDir
    Path directory;

    @Test
    void shouldReadAQwen25Base() throws IOException {
        config("""
                "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
                "eos_token_id": 151643, "hidden_act": "silu", "hidden_size": 896, "initializer_range": 0.02,
                "intermediate_size": 4864, "max_position_embeddings": 32768, "max_window_layers": 24,
                "model_type": "qwen2", "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2,
                "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": true,
                "torch_dtype": "bfloat16", "use_cache": true, "use_mrope": false, "use_sliding_window": false,
                "vocab_size": 151936""");

        assertThat(read()).isEqualTo(ModelConfig.qwen2(151_936, 896, 24, 14, 2, 64, 4_864, 32_768, 1e6, 1e-6, true,
                List.of(151_643)));
    }

    @Test
    void shouldReadALlama31WithTheEndTokensOfItsGenerationConfig() throws IOException {
        config("""
                "architectures": ["LlamaForCausalLM"], "attention_bias": false, "bos_token_id": 128000,
                "eos_token_id": [128001, 128008, 128009], "hidden_act": "silu", "hidden_size": 4096,
                "intermediate_size": 14336, "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama",
                "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "pretraining_tp": 1,
                "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0,
                "tie_word_embeddings": false, "vocab_size": 128256""");
        Files.writeString(directory.resolve("generation_config.json"), """
                {"bos_token_id": 128000, "do_sample": true, "eos_token_id": [128009, 128001], "temperature": 0.6}""");

        assertThat(read()).isEqualTo(new ModelConfig(Architecture.LLAMA, 128_256, 4_096, 32, 32, 8, 128, 14_336,
                131_072, new RotaryEmbedding(500_000, new Scaling.Llama3(8, 1, 4, 8_192)), 1e-5, false, false, false,
                List.of(128_009, 128_001)));
    }

    @Test
    void shouldReadALlama2WithoutNewerMembers() throws IOException {
        config("""
                "architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
                "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 4096, "model_type": "llama",
                "num_attention_heads": 32, "num_hidden_layers": 32, "pad_token_id": 0, "rms_norm_eps": 1e-05,
                "tie_word_embeddings": false, "vocab_size": 32000""");

        ModelConfig config = read();
        assertThat(config.keyValueHeads()).isEqualTo(32);
        assertThat(config.headDim()).isEqualTo(128);
        assertThat(config.rotary()).isEqualTo(RotaryEmbedding.of(10_000));
    }

    @Test
    void shouldReadAQwen3WithHeadsWiderThanItsHiddenStates() throws IOException {
        String members = """
                "architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "eos_token_id": 151645,
                "hidden_act": "silu", "hidden_size": 1024, "intermediate_size": 3072,
                "max_position_embeddings": 40960, "model_type": "qwen3", "num_attention_heads": 16,
                "num_hidden_layers": 28, "num_key_value_heads": 8, "rms_norm_eps": 1e-06, "rope_scaling": null,
                "rope_theta": 1000000, "sliding_window": null, "tie_word_embeddings": true,
                "use_sliding_window": false, "vocab_size": 151936""";
        config(members + ", \"head_dim\": 128");

        ModelConfig config = read();
        assertThat(config.headDim()).isEqualTo(128);
        assertThat(config.queryKeyNorm()).isTrue();
        assertThat(config.queryKeyValueBias()).isFalse();

        // transformers' default of this family
        config(members);
        assertThat(read()).isEqualTo(config);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            mistral | "sliding_window": null                                 | 32768
            mistral | "sliding_window": 40000                                | 32768
            mistral | "sliding_window": 1024                                 | 1024
            mistral | "other": 1                                             | 4096
            qwen2   | "sliding_window": 1024, "use_sliding_window": false    | 32768
            qwen2   | "sliding_window": 1024, "use_sliding_window": true     | 1024
            qwen3   | "sliding_window": 1024, "use_sliding_window": true, "layer_types": ["sliding_attention"] | 1024
            llama   | "sliding_window": 1024                                 | 32768
            """)
    void shouldBoundTheContextByASlidingWindow(String type, String member, int context) throws IOException {
        config(small(type) + "," + member);
        assertThat(read().contextLength()).isEqualTo(context);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            llama   | "attention_bias": true             | attention_bias is true; projections with these biases
            llama   | "mlp_bias": true                   | mlp_bias is true; projections with these biases
            qwen3   | "attention_bias": true             | attention_bias is true
            mistral | "sliding_window": 0                | sliding_window is 0; it must be null or a positive
            mistral | "head_dim": 24                     | head_dim is 24; the rollout engine needs a multiple of 16
            llama   | "hidden_size": 40                  | head_dim is 20 (hidden_size 40 / num_attention_heads 2)
            llama   | "num_local_experts": 8             | num_local_experts is 8; mixtures of experts
            llama   | "layer_types": ["chunked_attention"] | layer_types names "chunked_attention"; only
            llama   | "num_hidden_layers": 20000         | num_hidden_layers is 20000; it may be up to 10000
            llama   | "num_attention_heads": 1000000, "num_key_value_heads": 1, "head_dim": 16 | times head_dim is 16000000
            llama   | "rope_scaling": {"alpha": 3}       | rope_scaling.rope_type is missing; supported are
            llama   | "rope_scaling": {"rope_type": "longrope", "factor": 4} | rope_scaling.rope_type is "longrope"; supported are
            llama   | "rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": {"rope_type": "default"} | rope_scaling and rope_parameters ask for different
            mixtral | "num_local_experts": 8             | model_type is "mixtral"; this server trains "qwen2" (Qwen2ForCausalLM), "qwen3" (
            """)
    void shouldRefuseWhatTheEnginesWouldComputeDifferently(String type, String member, String message)
            throws IOException {
        config(small(type) + "," + member);
        List<String> problems = new ArrayList<>();

        assertThat(ModelConfigFiles.read(directory, problems)).isNull();
        assertThat(problems).singleElement()
            .asString()
            .contains(directory.resolve("config.json") + ": ")
            .contains(message);
    }

    @Test
    void shouldKeepTheNotationOfTheSource() throws IOException {
        config(small("mistral") + """
                , "sliding_window": 1024, "rope_parameters": {"rope_type": "linear", "rope_theta": 7.0, "factor": 2.0},
                "dtype": "bfloat16", "a_note": "of the publisher", "eos_token_id": 3""");
        Files.writeString(directory.resolve("generation_config.json"), "{\"eos_token_id\": [4, 3]}");
        ModelConfig config = read();
        Path copy = Files.createDirectory(directory.resolve("copy"));
        ModelConfigFiles.write(copy, config, TensorType.F16, directory);

        JsonNode before = ModelFiles.read(directory.resolve("config.json"));
        JsonNode after = ModelFiles.read(copy.resolve("config.json"));
        for (String member : List.of("sliding_window", "max_position_embeddings", "rope_parameters", "a_note",
                "eos_token_id")) {
            assertThat(after.get(member)).as(member).isEqualTo(before.get(member));
        }
        assertThat(after.get("torch_dtype").asText()).isEqualTo("float16");
        assertThat(after.has("dtype")).isFalse();
        assertThat(ModelConfigFiles.read(copy, new ArrayList<>())).isEqualTo(config);

        // another model's members give way
        ModelConfig other = new ModelConfig(Architecture.LLAMA, 8, 32, 3, 2, 2, 16, 48, 64,
                new RotaryEmbedding(3, new Scaling.Llama3(8, 1, 4, 32)), 1e-5, false, false, true, List.of(1));
        ModelConfigFiles.write(copy, other, TensorType.F32, directory);
        assertThat(ModelConfigFiles.read(copy, new ArrayList<>())).isEqualTo(other);
        assertThat(ModelFiles.read(copy.resolve("config.json")).has("rope_parameters")).isFalse();
    }

    @Test
    void shouldScaleFrequenciesByTheirWavelength() {
        int original = 64;
        RotaryEmbedding rotary = new RotaryEmbedding(400, new Scaling.Llama3(8, 1, 4, original));
        double[] unscaled = RotaryEmbedding.of(400).frequencies(32);
        double[] scaled = rotary.frequencies(32);
        int kept = 0;
        int stretched = 0;
        for (int pair = 0; pair < unscaled.length; pair++) {
            double turns = original * unscaled[pair] / (2 * Math.PI);
            if (turns >= 4) {
                assertThat(scaled[pair]).isEqualTo(unscaled[pair]);
                kept++;
            } else if (turns <= 1) {
                assertThat(scaled[pair]).isCloseTo(unscaled[pair] / 8, within(1e-15));
                stretched++;
            } else {
                assertThat(scaled[pair]).isStrictlyBetween(unscaled[pair] / 8, unscaled[pair]);
            }
        }
        assertThat(kept).isPositive();
        assertThat(stretched).isPositive();
        assertThat(kept + stretched).isLessThan(unscaled.length);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            QWEN3        | qwen3 | llama   | has the tensors model.layers.0.self_attn.k_norm.weight, | that no LlamaForCausalLM of this
            QWEN2_UNTIED | qwen2 | mistral | has the tensors model.layers.0.self_attn.k_proj.bias, | that no MistralForCausalLM of this
            LLAMA        | llama | qwen2   | lacks the tensors model.layers.0.self_attn.q_proj.bias, | that config.json asks for
            MISTRAL      | mistral | qwen3 | lacks the tensors model.layers.0.self_attn.q_norm.weight, | is it another model's config.json?
            """)
    void shouldNameTensorsOfAnotherFamily(PaperModel model, String from, String to, String tensors, String message)
            throws IOException {
        model.write(directory, 1);
        Path file = directory.resolve("config.json");
        Files.writeString(file, Files.readString(file).replace(from, to).replace(capitalised(from), capitalised(to)));

        assertThat(ModelDirectory.check(directory)).singleElement().asString().contains(tensors).contains(message);
    }

    @Test
    void shouldNameAMissingHead() throws IOException {
        PaperModel.LLAMA3.write(directory, 1);
        Path file = directory.resolve("config.json");
        Files.writeString(file, Files.readString(file).replace("_embeddings\": true", "_embeddings\": false"));

        assertThat(ModelDirectory.check(directory)).singleElement()
            .asString()
            .contains("lacks the tensors lm_head.weight that config.json asks for: set tie_word_embeddings to true");
    }

    private static String capitalised(String type) {
        return type.substring(0, 1).toUpperCase(Locale.ROOT) + type.substring(1);
    }

    private static String small(String type) {
        return """
                "architectures": ["%sForCausalLM"], "model_type": "%s", "vocab_size": 8, "hidden_size": 32,
                "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 48,
                "head_dim": %s, "max_position_embeddings": 32768, "eos_token_id": 2"""
            .formatted(capitalised(type), type, type.equals("llama") ? "null" : "16");
    }

    /** Members given twice count as their last. */
    private void config(String members) throws IOException {
        JsonNode tree = new ObjectMapper().readTree("{" + members + "}");
        ModelFiles.write(directory.resolve("config.json"), tree);
    }

    private ModelConfig read() throws IOException {
        List<String> problems = new ArrayList<>();
        ModelConfig config = ModelConfigFiles.read(directory, problems);
        assertThat(problems).isEmpty();
        return Objects.requireNonNull(config);
    }
}
