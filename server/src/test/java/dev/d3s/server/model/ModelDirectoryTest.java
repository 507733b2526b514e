package dev.d3s.server.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.example.ExampleModels;
import dev.d3s.spi.D3sException;

class ModelDirectoryTest {
    @TempDir
    Path home;
    private Path base;
    private ModelConfig config;

    @BeforeEach
    void writeABaseModel() throws IOException {
        base = home.resolve("base");
        config = ExampleModels.arithmetic(base, 7);
    }

    @Test
    void shouldReadBackWhatItWrote() throws IOException {
        assertThat(ModelDirectory.check(base)).isEmpty();
        try (HuggingFaceModel model = ModelDirectory.open(base);
                MemoryWeights expected = RandomInitialization.of(config, 7, ExampleModels.RANGE)) {
            assertThat(model.config()).isEqualTo(config);
            assertSameBits(model.weights(), expected);

            Path copy = home.resolve("copy");
            ModelDirectory.write(copy, model.config(), model.weights(), base);

            assertThat(copy.resolve("model.safetensors")).hasSameBinaryContentAs(base.resolve("model.safetensors"));
            assertThat(copy.resolve("tokenizer.json")).hasSameBinaryContentAs(base.resolve("tokenizer.json"));
            assertThat(copy.resolve("tokenizer_config.json")).exists();
            assertThat(copy.resolve("special_tokens_map.json")).exists();
            assertThat(ModelDirectory.check(copy)).isEmpty();
        }
    }

    @Test
    void shouldCopyEveryChatTemplate() throws IOException {
        Files.writeString(base.resolve("chat_template.jinja"), "{{ messages[0].content }}");
        Path further = Files.createDirectories(base.resolve("additional_chat_templates")).resolve("tool_use.jinja");
        Files.writeString(further, "{{ tools | tojson }}");
        Path copy = home.resolve("copy");
        try (HuggingFaceModel model = ModelDirectory.open(base)) {
            ModelDirectory.write(copy, model.config(), model.weights(), base);
        }
        assertThat(copy.resolve("chat_template.jinja")).hasContent("{{ messages[0].content }}");
        assertThat(copy.resolve(base.relativize(further))).hasContent("{{ tools | tojson }}");
    }

    @Test
    void shouldReadTensorsThatStayInTheirFiles() throws IOException {
        try (StoredWeights stored = ModelDirectory.stored(base, config);
                MemoryWeights expected = RandomInitialization.of(config, 7, ExampleModels.RANGE)) {
            assertSameBits(stored, expected);
            ByteBuffer target = ByteBuffer.allocate(expected.values(2).remaining() + 4).order(ByteOrder.nativeOrder());
            target.position(4);
            stored.copyTo(2, target);
            assertThat(target.remaining()).isZero();
            assertThat(target.slice(4, target.capacity() - 4)).isEqualTo(expected.values(2));
        }
    }

    @Test
    void shouldSplitPackedTensorsIntoTheNamesOfHuggingFace() throws IOException {
        try (SafeTensors file = SafeTensors.open(base.resolve("model.safetensors"));
                HuggingFaceModel model = ModelDirectory.open(base)) {
            assertThat(file.names()).contains("model.embed_tokens.weight", "model.layers.2.self_attn.q_proj.weight",
                    "model.layers.2.self_attn.v_proj.bias", "model.layers.0.mlp.up_proj.weight", "model.norm.weight")
                .hasSize(2 + 3 * 12);
            assertThat(file.entry("model.layers.1.self_attn.k_proj.weight").shape()).containsExactly(32, 96);

            // the packed tensor is q over k over v: the first value of v stands after 96 + 32 rows of 96
            ByteBuffer values = ByteBuffer.allocate(4 * 32 * 96).order(ByteOrder.nativeOrder());
            file.read("model.layers.0.self_attn.v_proj.weight", values);
            int packed = index(model.weights(), "model.layers.0.self_attn.qkv_proj.weight");
            assertThat(values.getInt(0)).isEqualTo(model.weights().values(packed).getInt(4 * 96 * (96 + 32)));
        }
    }

    @Test
    void shouldReadHalfPrecisionAndShards() throws IOException {
        Path half = home.resolve("half");
        Path shards = home.resolve("shards");
        try (HuggingFaceModel model = ModelDirectory.open(base)) {
            ModelDirectory.write(half, config, model.weights(), TensorType.BF16, base);
        }
        assertThat(json(half.resolve("config.json")).path("torch_dtype").asText()).isEqualTo("bfloat16");
        splitIntoShards(half, shards);

        try (HuggingFaceModel model = ModelDirectory.open(base);
                MemoryWeights one = ModelDirectory.weights(half, config);
                MemoryWeights two = ModelDirectory.weights(shards, config)) {
            assertSameBits(two, one);
            float exact = model.weights().values(0).getFloat(400);
            assertThat(one.values(0).getFloat(400)).isCloseTo(exact,
                    Percentage.withPercentage(0.5));
        }
        assertThat(ModelDirectory.check(shards)).isEmpty();

        Files.delete(shards.resolve("part-2.safetensors"));
        assertThat(ModelDirectory.check(shards)).singleElement()
            .asString()
            .contains("part-2.safetensors is missing, but model.safetensors.index.json names it");
    }

    @Test
    void shouldReadTensorsOfDifferentFormats() throws IOException {
        List<SafeTensors.Source> sources = sources(base.resolve("model.safetensors"));
        TensorType[] types = {TensorType.F32, TensorType.F16, TensorType.BF16};
        List<SafeTensors.Source> mixed = new ArrayList<>();
        for (SafeTensors.Source source : sources) {
            mixed.add(new SafeTensors.Source(source.name(), types[mixed.size() % 3], source.shape(), source.values()));
        }
        SafeTensors.write(base.resolve("model.safetensors"), Map.of(), mixed);

        assertThat(ModelDirectory.check(base)).isEmpty();
        try (HuggingFaceModel model = ModelDirectory.open(base)) {
            for (int index = 0; index < model.weights().parameters().size(); index++) {
                ByteBuffer found = model.weights().values(index);
                for (TensorPart part : TensorPart.of(config, model.weights().parameters().get(index))) {
                    SafeTensors.Source written = mixed.stream()
                        .filter(source -> source.name().equals(part.name()))
                        .findFirst()
                        .orElseThrow();
                    double step = switch (written.type()) {
                        case F32 -> 0;
                        case F16 -> 0x1p-11;
                        default -> 0x1p-8;
                    };
                    for (int at = 0; at < part.size(); at += 7) {
                        float exact = written.values().getFloat(4 * at);
                        assertThat(found.getFloat(4 * (part.offset() + at))).as(part.name())
                            .isCloseTo(exact, within((float) (step * Math.abs(exact) + (step == 0 ? 0 : 1e-7))));
                    }
                }
            }
        }
    }

    @Test
    void shouldNameEveryMissingFileAtOnce() throws IOException {
        Path empty = Files.createDirectory(home.resolve("empty"));

        assertThat(ModelDirectory.check(empty)).hasSize(3)
            .anyMatch(problem -> problem.contains("config.json is missing"))
            .anyMatch(problem -> problem.contains("tokenizer.json is missing: save the model's fast tokenizer"))
            .anyMatch(problem -> problem.contains("model.safetensors is missing"));
        assertThat(ModelDirectory.check(home.resolve("nowhere"))).singleElement()
            .asString()
            .contains("is not a directory");
        assertThatThrownBy(() -> ModelDirectory.open(home.resolve("nowhere"))).isInstanceOf(D3sException.class)
            .hasMessageContaining("is not a directory");
    }

    @Test
    void shouldRefuseADirectoryWithoutTokenizer() throws IOException {
        Files.delete(base.resolve("tokenizer.json"));

        assertThat(ModelDirectory.check(base)).singleElement().asString().contains("tokenizer.json is missing");
        assertThatThrownBy(() -> ModelDirectory.open(base)).hasMessageContaining("tokenizer.json is missing");
    }

    @Test
    void shouldRefuseATokenizerOfAnotherModel() throws IOException {
        Files.writeString(base.resolve("tokenizer.json"), "{\"model\": 3}");
        assertThat(ModelDirectory.check(base)).singleElement()
            .asString()
            .contains("cannot be read by the tokenizers library");

        ExampleModels.bytes(home.resolve("bytes"), 1);
        Files.copy(home.resolve("bytes").resolve("tokenizer.json"), base.resolve("tokenizer.json"),
                StandardCopyOption.REPLACE_EXISTING);
        assertThat(ModelDirectory.check(base)).singleElement()
            .asString()
            .contains("token ids up to 257, but config.json says vocab_size 32");
    }

    @Test
    void shouldNameMissingSuperfluousAndMisshapenTensors() throws IOException {
        List<SafeTensors.Source> sources = sources(base.resolve("model.safetensors"));
        sources.removeIf(source -> source.name().equals("model.layers.1.mlp.up_proj.weight"));
        sources.replaceAll(source -> source.name().equals("model.norm.weight")
                ? new SafeTensors.Source(source.name(), source.type(), new long[]{48, 2}, source.values())
                : source);
        sources.add(new SafeTensors.Source("model.layers.0.self_attn.q_norm.weight", TensorType.F32, new long[]{1},
                ByteBuffer.allocate(4)));
        sources.add(new SafeTensors.Source("lm_head.weight", TensorType.F32, new long[]{1}, ByteBuffer.allocate(4)));
        SafeTensors.write(base.resolve("model.safetensors"), Map.of(), sources);

        List<String> problems = ModelDirectory.check(base);

        assertThat(problems).hasSize(3)
            .anyMatch(problem -> problem.contains("lacks the tensors model.layers.1.mlp.up_proj.weight"))
            .anyMatch(problem -> problem.contains("model.norm.weight has the shape [48, 2]; config.json asks for [96]"))
            .anyMatch(problem -> problem.contains("has the tensors model.layers.0.self_attn.q_norm.weight"));
        assertThatThrownBy(() -> ModelDirectory.open(base)).hasMessageContaining(problems.get(0))
            .hasMessageContaining(problems.get(2));
    }

    @ParameterizedTest(name = "{0} = {1}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            model_type              | "gemma2"                  | model_type is "gemma2"; this server trains "qwen2"
            model_type              | "llama"                   | of this model_type only LlamaForCausalLM is supported
            architectures           | ["Qwen2ForSequenceClassification"] | architectures is
            hidden_act              | "gelu"                    | hidden_act is "gelu"
            layer_types             | ["full_attention", "sliding_attention"] | layer_types names "sliding_attention"
            rope_scaling            | {"type": "yarn", "factor": 4} | rope_scaling.rope_type is "yarn"; supported are
            rope_scaling            | {"factor": 4}             | rope_scaling.rope_type is missing; supported are
            rope_scaling            | 3                         | rope_scaling is 3; it must be an object
            rope_scaling            | {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4} | rope_scaling.high_freq_factor is missing
            rope_scaling            | {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1, "original_max_position_embeddings": 64} | rope_scaling.low_freq_factor is 4.0; it must be below
            rope_parameters         | {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2} | rope_parameters.rope_type is "dynamic"
            rope_parameters         | {"rope_type": "linear"}   | rope_parameters.factor is missing
            rope_parameters         | {"rope_theta": 1e6}       | rope_parameters.rope_theta is 1000000.0, but rope_theta is 10000.0
            rope_parameters         | {"full_attention": {}}    | rope_parameters is {"full_attention":{}}; rotary embeddings that differ
            partial_rotary_factor   | 0.5                       | partial_rotary_factor is 0.5
            num_experts             | 8                         | num_experts is 8
            tie_word_embeddings     | "yes"                     | tie_word_embeddings is "yes"; it must be true or false
            vocab_size              | 10000000                  | asks for a model.embed_tokens.weight of 960000000 values
            quantization_config     | {"bits": 4}               | quantization_config is set
            hidden_size             | null                      | hidden_size is missing
            num_hidden_layers       | 0                         | num_hidden_layers is 0
            vocab_size              | 5000000000                | vocab_size is 5000000000
            num_key_value_heads     | 4                         | num_key_value_heads is 4, which does not divide
            head_dim                | 23                        | head_dim is 23; the rollout engine needs a multiple of 16
            rms_norm_eps            | -1                        | rms_norm_eps is -1
            rope_theta              | "big"                     | rope_theta is "big"
            """)
    void shouldRefuseWhatTheEnginesWouldComputeDifferently(String member, String value, String message)
            throws IOException {
        change(base.resolve("config.json"), member, value);

        assertThatThrownBy(() -> ModelDirectory.config(base)).isInstanceOf(D3sException.class)
            .hasMessageContaining(message)
            .hasMessageContaining("config.json");
    }

    @Test
    void shouldTakeTheEndOfSequenceFromTheGenerationConfig() throws IOException {
        change(base.resolve("generation_config.json"), "eos_token_id", "[2, 0, 2]");
        assertThat(ModelDirectory.config(base).endOfSequenceTokens()).containsExactly(2, 0);

        change(base.resolve("generation_config.json"), "eos_token_id", "null");
        assertThat(ModelDirectory.config(base).endOfSequenceTokens()).containsExactly(0);

        Files.delete(base.resolve("generation_config.json"));
        change(base.resolve("config.json"), "eos_token_id", "99");
        assertThatThrownBy(() -> ModelDirectory.config(base))
            .hasMessageContaining("eos_token_id is 99; it must be a token id below vocab_size 32");
    }

    @Test
    void shouldReadWhatNewerVersionsWrite() throws IOException {
        Path file = base.resolve("config.json");
        change(file, "rope_theta", "null");
        change(file, "rope_parameters", "{\"rope_type\": \"default\", \"rope_theta\": 1000000.0}");
        change(file, "layer_types", "[\"full_attention\", \"full_attention\", \"full_attention\"]");

        assertThat(ModelDirectory.config(base).rotary().theta()).isEqualTo(1e6);
    }

    @Test
    void shouldKeepMembersTheEnginesDoNotKnow() throws IOException {
        change(base.resolve("config.json"), "bos_token_id", "1");
        change(base.resolve("generation_config.json"), "temperature", "0.7");
        Path copy = home.resolve("copy");

        try (HuggingFaceModel model = ModelDirectory.open(base)) {
            ModelDirectory.write(copy, model.config(), model.weights(), model.directory());
        }

        assertThat(json(copy.resolve("config.json")).path("bos_token_id").asInt()).isEqualTo(1);
        assertThat(json(copy.resolve("generation_config.json")).path("temperature").asDouble()).isEqualTo(0.7);
        assertThat(json(copy.resolve("config.json")).path("architectures").path(0).asText())
            .isEqualTo("Qwen2ForCausalLM");
    }

    @Test
    void shouldReportBrokenJsonWithItsPlace() throws IOException {
        Files.writeString(base.resolve("config.json"), "{\n\"hidden_size\": 96,\n\"hidden_size\": 64}");

        assertThat(ModelDirectory.check(base)).singleElement()
            .asString()
            .contains("config.json is not valid JSON: Duplicate field 'hidden_size' (line 3");
    }

    static void assertSameBits(Weights actual, Weights expected) {
        assertThat(actual.parameters()).hasSameSizeAs(expected.parameters());
        for (int index = 0; index < expected.parameters().size(); index++) {
            assertThat(actual.parameters().get(index).name()).isEqualTo(expected.parameters().get(index).name());
            assertThat(actual.values(index)).as(expected.parameters().get(index).name())
                .isEqualTo(expected.values(index));
        }
    }

    private static int index(Weights weights, String name) {
        return weights.parameters().stream().map(Parameter::name).toList().indexOf(name);
    }

    private static JsonNode json(Path file) throws IOException {
        return ModelFiles.read(file);
    }

    private static void change(Path file, String member, String value) throws IOException {
        ObjectNode tree = (ObjectNode) json(file);
        tree.set(member, ModelFiles.JSON.readTree(value));
        ModelFiles.write(file, tree);
    }

    /** The tensors of a file, in memory. */
    private static List<SafeTensors.Source> sources(Path file) throws IOException {
        List<SafeTensors.Source> sources = new ArrayList<>();
        try (SafeTensors tensors = SafeTensors.open(file)) {
            for (String name : tensors.names()) {
                SafeTensors.Entry entry = tensors.entry(name);
                ByteBuffer values = ByteBuffer.allocate(Math.toIntExact(4 * entry.size()))
                    .order(ByteOrder.nativeOrder());
                tensors.read(name, values);
                sources.add(new SafeTensors.Source(name, entry.type(), entry.shape(), values.flip()));
            }
        }
        return sources;
    }

    private static void splitIntoShards(Path source, Path target) throws IOException {
        Files.createDirectory(target);
        for (String name : List.of("config.json", "generation_config.json", "tokenizer.json")) {
            Files.copy(source.resolve(name), target.resolve(name));
        }
        List<SafeTensors.Source> all = sources(source.resolve("model.safetensors"));
        ObjectNode index = ModelFiles.JSON.createObjectNode();
        ObjectNode weightMap = index.putObject("weight_map");
        List<SafeTensors.Source> first = all.subList(0, 11);
        List<SafeTensors.Source> second = all.subList(11, all.size());
        SafeTensors.write(target.resolve("part-1.safetensors"), Map.of(), first);
        SafeTensors.write(target.resolve("part-2.safetensors"), Map.of(), second);
        first.forEach(tensor -> weightMap.put(tensor.name(), "part-1.safetensors"));
        second.forEach(tensor -> weightMap.put(tensor.name(), "part-2.safetensors"));
        ModelFiles.write(target.resolve("model.safetensors.index.json"), index);
    }
}
