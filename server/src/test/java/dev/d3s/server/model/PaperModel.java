package dev.d3s.server.model;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.example.TokenizerFiles;

/** Small models of every family as other tools would write them: random values also in biases and norms, tensors by Hugging Face's names. */
public enum PaperModel {
    QWEN2_TIED("qwen2", 4, 2, 16, true, "'rope_theta': 1000000.0"), QWEN2_UNTIED("qwen2", 6, 1, 16, false,
            "'rope_theta': 10000.0, 'rope_scaling': null"), QWEN3("qwen3", 4, 2, 32, true,
                    "'rope_theta': 1000000, 'attention_bias': false"), QWEN3_UNTIED("qwen3", 3, 3, 16, false,
                            "'rope_parameters': {'rope_type': 'default', 'rope_theta': 1e6}"), LLAMA("llama", 4, 4, 16,
                                    false,
                                    "'rope_theta': 10000.0, 'attention_bias': false, 'mlp_bias': false"), LLAMA_LINEAR(
                                            "llama", 4, 2, 16, false,
                                            "'rope_scaling': {'type': 'linear', 'factor': 4.0}"),
    /** Beyond 32 positions, with frequencies of all three kinds. */
    LLAMA3("llama", 4, 2, 32, true, """
            'rope_theta': 500.0, 'rope_scaling': {'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0,
            'high_freq_factor': 4.0, 'original_max_position_embeddings': 32}"""), LLAMA3_NEW_NOTATION("llama", 8, 2, 16,
            false,
            """
                    'rope_parameters': {'rope_type': 'llama3', 'rope_theta': 500.0, 'factor': 32.0, 'low_freq_factor': 1.0,
                    'high_freq_factor': 4.0, 'original_max_position_embeddings': 64}"""), MISTRAL(
                    "mistral", 4, 1, 32, false, "'rope_theta': 1000000.0, 'sliding_window': null");

    static final int VOCABULARY = 291;
    private static final int HIDDEN = 48;
    private static final int LAYERS = 2;
    private static final int INTERMEDIATE = 80;

    private final String type;
    private final int heads;
    private final int keyValueHeads;
    private final int headDim;
    private final boolean tied;
    private final String members;

    PaperModel(String type, int heads, int keyValueHeads, int headDim, boolean tied, String members) {
        this.type = type;
        this.heads = heads;
        this.keyValueHeads = keyValueHeads;
        this.headDim = headDim;
        this.tied = tied;
        this.members = members;
    }

    /** Writes a complete directory. */
    public void write(Path directory, long seed) throws IOException {
        TokenizerFiles.writeBytes(directory, 2048);
        Files.writeString(directory.resolve("config.json"), config());
        ObjectNode header = new ObjectMapper().createObjectNode();
        ByteArrayOutputStream values = new ByteArrayOutputStream();
        SplittableRandom random = new SplittableRandom(seed);
        for (Map.Entry<String, int[]> tensor : tensors().entrySet()) {
            ObjectNode entry = header.putObject(tensor.getKey()).put("dtype", "F32");
            int size = 1;
            for (int dimension : tensor.getValue()) {
                entry.withArray("shape").add(dimension);
                size *= dimension;
            }
            entry.withArray("data_offsets").add(values.size()).add(values.size() + 4 * size);
            ByteBuffer bytes = ByteBuffer.allocate(4 * size).order(ByteOrder.LITTLE_ENDIAN);
            double mean = tensor.getKey().endsWith("norm.weight") ? 1 : 0;
            for (int at = 0; at < size; at++) {
                bytes.putFloat((float) (mean + 0.2 * random.nextGaussian()));
            }
            values.write(bytes.array());
        }
        byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
        try (OutputStream file = Files.newOutputStream(directory.resolve("model.safetensors"))) {
            file.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array());
            file.write(json);
            values.writeTo(file);
        }
    }

    private String config() {
        String name = type.substring(0, 1).toUpperCase(Locale.ROOT) + type.substring(1);
        return """
                {'architectures': ['%sForCausalLM'], 'model_type': '%s', 'vocab_size': %d, 'hidden_size': %d,
                'num_hidden_layers': %d, 'num_attention_heads': %d, 'num_key_value_heads': %d, 'head_dim': %d,
                'intermediate_size': %d, 'max_position_embeddings': 2048, 'hidden_act': 'silu', 'rms_norm_eps': 1e-5,
                'tie_word_embeddings': %b, 'bos_token_id': 1, 'eos_token_id': [0, 2], 'torch_dtype': 'float32', %s}
                """.formatted(name, type, VOCABULARY, HIDDEN, LAYERS, heads, keyValueHeads, headDim, INTERMEDIATE, tied,
                members)
            .replace('\'', '"');
    }

    private Map<String, int[]> tensors() {
        Map<String, int[]> tensors = new LinkedHashMap<>();
        tensors.put("model.embed_tokens.weight", new int[]{VOCABULARY, HIDDEN});
        for (int layer = 0; layer < LAYERS; layer++) {
            String name = "model.layers." + layer + ".";
            tensors.put(name + "input_layernorm.weight", new int[]{HIDDEN});
            tensors.put(name + "post_attention_layernorm.weight", new int[]{HIDDEN});
            for (String part : new String[]{"q", "k", "v"}) {
                int rows = headDim * (part.equals("q") ? heads : keyValueHeads);
                tensors.put(name + "self_attn." + part + "_proj.weight", new int[]{rows, HIDDEN});
                if (type.equals("qwen2")) {
                    tensors.put(name + "self_attn." + part + "_proj.bias", new int[]{rows});
                }
            }
            tensors.put(name + "self_attn.o_proj.weight", new int[]{HIDDEN, heads * headDim});
            if (type.equals("qwen3")) {
                tensors.put(name + "self_attn.q_norm.weight", new int[]{headDim});
                tensors.put(name + "self_attn.k_norm.weight", new int[]{headDim});
            }
            tensors.put(name + "mlp.gate_proj.weight", new int[]{INTERMEDIATE, HIDDEN});
            tensors.put(name + "mlp.up_proj.weight", new int[]{INTERMEDIATE, HIDDEN});
            tensors.put(name + "mlp.down_proj.weight", new int[]{HIDDEN, INTERMEDIATE});
        }
        tensors.put("model.norm.weight", new int[]{HIDDEN});
        if (!tied) {
            tensors.put("lm_head.weight", new int[]{VOCABULARY, HIDDEN});
        }
        return tensors;
    }
}
