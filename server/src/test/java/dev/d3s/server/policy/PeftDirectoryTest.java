package dev.d3s.server.policy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.example.ExampleModels;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.SafeTensors;
import dev.d3s.server.model.StoredWeights;
import dev.d3s.server.model.TensorType;
import dev.d3s.server.policy.torch.TorchPolicy;
import dev.d3s.server.policy.torch.TorchPolicySettings;

/** What the PEFT library reads; that it does is checked by {@code src/interop/check_adapters.py}. */
class PeftDirectoryTest {
    private static final LoraSettings SOME = new LoraSettings(8, 2.5, List.of(LoraTarget.Q_PROJ, LoraTarget.DOWN_PROJ),
            true);

    @TempDir
    Path directory;

    @Test
    void shouldWriteWhatPeftReads() throws IOException {
        Path base = directory.resolve("base");
        ExampleModels.arithmetic(base, 7);
        ModelConfig config = ModelDirectory.config(base);
        try (TorchPolicy policy = open(base, config, SOME)) {
            train(policy);
            Path target = directory.resolve("adapter");
            Adapter adapter = Objects.requireNonNull(policy.adapter());
            PeftDirectory.write(target, adapter, base);

            JsonNode written = new ObjectMapper().readTree(target.resolve("adapter_config.json").toFile());
            assertThat(written.path("peft_type").asText()).isEqualTo("LORA");
            assertThat(written.path("task_type").asText()).isEqualTo("CAUSAL_LM");
            assertThat(written.path("base_model_name_or_path").asText()).isEqualTo(base.toString());
            assertThat(written.path("r").asInt()).isEqualTo(8);
            assertThat(written.path("lora_alpha").asDouble()).isEqualTo(2.5);
            assertThat(written.path("use_rslora").asBoolean()).isTrue();
            assertThat(written.path("target_modules").toString()).isEqualTo("[\"q_proj\",\"down_proj\"]");
            try (SafeTensors file = SafeTensors.open(target.resolve("adapter_model.safetensors"))) {
                assertThat(file.names()).hasSize(config.layers() * 2 * 2);
                String name = "base_model.model.model.layers.1.mlp.down_proj.lora_B.weight";
                assertThat(file.entry(name).shape()).containsExactly(config.hiddenSize(), 8);
                List<Parameter> parameters = adapter.values().parameters();
                for (int index = 0; index < parameters.size(); index++) {
                    ByteBuffer values = ByteBuffer.allocate((int) parameters.get(index).size() * Float.BYTES)
                        .order(ByteOrder.nativeOrder());
                    file.read(parameters.get(index).name(), values);
                    assertThat(values.flip()).isEqualTo(adapter.values().values(index));
                }
            }
        }
    }

    /** Writes what {@code check_adapters.py} compares. */
    @Test
    @EnabledIfEnvironmentVariable(named = "D3S_INTEROP", matches = ".+")
    void shouldWriteAdaptersForPeft() throws IOException {
        Path home = Path.of(System.getenv("D3S_INTEROP")).resolve("adapters");
        write(home.resolve("all-linear"), LoraSettings.of(16, 32));
        write(home.resolve("some-rslora"), SOME);
    }

    private static void write(Path target, LoraSettings lora) throws IOException {
        Path base = target.resolve("base");
        Files.createDirectories(target);
        ExampleModels.arithmetic(base, 7);
        ModelConfig config = ModelDirectory.config(base);
        try (TorchPolicy policy = open(base, config, lora)) {
            train(policy);
            PeftDirectory.write(target.resolve("adapter"), Objects.requireNonNull(policy.adapter()), base);
            ModelDirectory.write(target.resolve("merged"), config, policy.weights(), base);
            int[] tokens = tokens(config, 60, 5);
            float[] logprobs = policy.score(List.of(tokens), new int[]{1}, 1).getFirst().logprobs();
            float[] values = new float[tokens.length];
            for (int index = 0; index < values.length; index++) {
                values[index] = tokens[index];
            }
            SafeTensors.write(target.resolve("expected.safetensors"), Map.of(), List.of(source("tokens", values),
                    source("logprobs", logprobs)));
        }
    }

    private static SafeTensors.Source source(String name, float[] values) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(values.length * Float.BYTES).order(ByteOrder.nativeOrder());
        bytes.asFloatBuffer().put(values);
        return new SafeTensors.Source(name, TensorType.F32, new long[]{values.length}, bytes);
    }

    private static TorchPolicy open(Path base, ModelConfig config, LoraSettings lora) throws IOException {
        try (StoredWeights weights = ModelDirectory.stored(base, config)) {
            return TorchPolicy.open(config, weights,
                    new TorchPolicySettings(1, 1, 1000, 1 << 20).with(new PolicySettings(Precision.FP32, lora)), 3);
        }
    }

    private static void train(TorchPolicy policy) {
        List<TrainingSequence> sequences = new ArrayList<>();
        for (int seed = 0; seed < 4; seed++) {
            float[] weight = new float[23];
            Arrays.fill(weight, 0.1f);
            sequences.add(new TrainingSequence(tokens(policy.config(), 24, seed), 1, 0, weight, null, null, null));
        }
        for (int update = 0; update < 10; update++) {
            policy.update(sequences, new Objective.CrossEntropy(), OptimizerStep.of(0.01));
        }
    }

    private static int[] tokens(ModelConfig config, int length, long seed) {
        return new SplittableRandom(seed).ints(length, 0, config.vocabularySize()).toArray();
    }
}
