package dev.d3s.server.model;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.spi.D3sException;

/**
 * {@code config.json} and {@code generation_config.json} of a Qwen2 directory, read into a {@link ModelConfig} and written from it.
 *
 * <p>What the engines would compute differently from what the file asks for is refused, each member by name. The tokens that end a
 * completion are {@code generation_config.json}'s where it has them, as for any other tool that generates from the directory. The first of them is the
 * one that supervised rows end with.
 */
final class ModelConfigFiles {
    static final String CONFIG = "config.json";
    static final String GENERATION_CONFIG = "generation_config.json";
    private static final String ARCHITECTURE = "Qwen2ForCausalLM";
    /** A dimension beyond this is a typing error, and products of two stay far from overflow. */
    private static final int MAX_DIMENSION = 1 << 24;

    private ModelConfigFiles() {}

    /** The configuration of a directory; every mistake becomes a line of {@code problems}, and then it is {@code null}. */
    static @Nullable ModelConfig read(Path directory, List<String> problems) throws IOException {
        Path file = directory.resolve(CONFIG);
        JsonNode config = tree(file, problems);
        if (config == null) {
            return null;
        }
        Path generationFile = directory.resolve(GENERATION_CONFIG);
        JsonNode generation = Files.exists(generationFile) ? tree(generationFile, problems) : null;
        int before = problems.size();
        Members members = new Members(file, config, problems);
        checkArchitecture(members);

        int heads = members.dimension("num_attention_heads", null);
        int hidden = members.dimension("hidden_size", null);
        int keyValueHeads = members.dimension("num_key_value_heads", heads);
        int headDim = members.dimension("head_dim", heads == 0 ? 0 : hidden / heads);
        int layers = members.dimension("num_hidden_layers", null);
        int intermediate = members.dimension("intermediate_size", null);
        int vocabulary = members.dimension("vocab_size", null);
        int context = members.dimension("max_position_embeddings", 32_768);
        double epsilon = members.positive(config, "rms_norm_eps", 1e-6);
        double theta = ropeTheta(members);
        boolean tied = config.path("tie_word_embeddings").asBoolean(false);
        if (problems.size() == before) {
            if (heads % keyValueHeads != 0) {
                members.problem("num_key_value_heads",
                        "is " + keyValueHeads + ", which does not divide num_attention_heads " + heads);
            }
            if (headDim % 2 != 0) {
                members.problem("head_dim", "is " + headDim + "; rotary embeddings turn pairs, so it must be even");
            }
        }
        List<Integer> ends = endTokens(members, generation, generationFile, vocabulary);
        if (problems.size() > before) {
            return null;
        }
        return ModelConfig.qwen2(vocabulary, hidden, layers, heads, keyValueHeads, headDim, intermediate, context,
                theta,
                epsilon, tied, ends);
    }

    /**
     * Writes both files. Members that the engines do not know (begin-of-sequence token, sampling defaults) are taken over from
     * {@code source}, a model directory, where it has them.
     */
    static void write(Path directory, ModelConfig config, TensorType type, @Nullable Path source) throws IOException {
        ObjectNode tree = existing(source, CONFIG);
        tree.putArray("architectures").add(ARCHITECTURE);
        tree.put("model_type", "qwen2");
        tree.put("vocab_size", config.vocabularySize());
        tree.put("hidden_size", config.hiddenSize());
        tree.put("num_hidden_layers", config.layers());
        tree.put("num_attention_heads", config.heads());
        tree.put("num_key_value_heads", config.keyValueHeads());
        tree.put("head_dim", config.headDim());
        tree.put("intermediate_size", config.intermediateSize());
        tree.put("max_position_embeddings", config.contextLength());
        tree.put("hidden_act", "silu");
        tree.put("rms_norm_eps", config.rmsNormEpsilon());
        tree.put("rope_theta", config.rotary().theta());
        if (tree.path("rope_parameters").isObject()) {
            ((ObjectNode) tree.get("rope_parameters")).put("rope_theta", config.rotary().theta());
        }
        tree.put("tie_word_embeddings", config.tiedEmbeddings());
        tree.put("use_sliding_window", false);
        tree.putNull("sliding_window");
        tree.put("max_window_layers", config.layers());
        if (!tree.has("initializer_range")) {
            tree.put("initializer_range", RandomInitialization.RANGE);
        }
        if (!tree.has("attention_dropout")) {
            tree.put("attention_dropout", 0.0);
        }
        tree.put("use_cache", true);
        // "dtype" is what newer versions of transformers write; both are read by them
        tree.remove("dtype");
        tree.put("torch_dtype", type.torchName());
        putEndTokens(tree, config);
        ModelFiles.write(directory.resolve(CONFIG), tree);

        ObjectNode generation = existing(source, GENERATION_CONFIG);
        putEndTokens(generation, config);
        ModelFiles.write(directory.resolve(GENERATION_CONFIG), generation);
    }

    private static void checkArchitecture(Members members) {
        JsonNode config = members.config;
        String modelType = config.path("model_type").asText("");
        if (!modelType.equals("qwen2")) {
            members.problem("model_type", "is \"" + modelType + "\"; this server trains \"qwen2\" models");
        }
        JsonNode architectures = config.path("architectures");
        if (architectures.isArray() && !architectures.isEmpty()
                && !architectures.get(0).asText().equals(ARCHITECTURE)) {
            members.problem("architectures", "is " + architectures + "; only " + ARCHITECTURE + " is supported");
        }
        String activation = config.path("hidden_act").asText("silu");
        if (!activation.equals("silu")) {
            members.problem("hidden_act", "is \"" + activation + "\"; only \"silu\" is supported");
        }
        if (config.path("use_sliding_window").asBoolean(false)) {
            members.problem("use_sliding_window", "is true; attention over a sliding window is not supported");
        }
        for (JsonNode kind : config.path("layer_types")) {
            if (!kind.asText().equals("full_attention")) {
                members.problem("layer_types", "names " + kind + "; only \"full_attention\" is supported");
                break;
            }
        }
        if (config.hasNonNull("quantization_config")) {
            members.problem("quantization_config", "is set; train from the unquantized weights");
        }
        for (String rope : List.of("rope_scaling", "rope_parameters")) {
            JsonNode scaling = config.path(rope);
            String kind = scaling.path("rope_type")
                .asText(scaling.path("type")
                    .asText(
                            rope.equals("rope_scaling") && scaling.isObject() ? "scaled" : "default"));
            if (!kind.equals("default")) {
                members.problem(rope, "asks for \"" + kind
                        + "\" rotary embeddings; only unscaled ones are supported: remove it to train at the original length");
            }
        }
    }

    private static double ropeTheta(Members members) {
        JsonNode parameters = members.config.path("rope_parameters");
        if (parameters.hasNonNull("rope_theta")) {
            return members.positive(parameters, "rope_theta", 10_000);
        }
        return members.positive(members.config, "rope_theta", 10_000);
    }

    private static List<Integer> endTokens(Members members, @Nullable JsonNode generation, Path generationFile,
            int vocabulary) {
        boolean own = generation != null && generation.hasNonNull("eos_token_id");
        JsonNode node = own && generation != null
                ? generation.get("eos_token_id")
                : members.config.path("eos_token_id");
        Members owner = own && generation != null ? new Members(generationFile, generation, members.problems) : members;
        List<Integer> tokens = new ArrayList<>();
        for (JsonNode token : node.isArray() ? node : List.of(node)) {
            if (!token.isInt() || token.asInt() < 0 || (vocabulary > 0 && token.asInt() >= vocabulary)) {
                owner.problem("eos_token_id", token.isMissingNode() || token.isNull()
                        ? "is missing: give the id of the token that ends a completion"
                        : "is " + token + "; it must be a token id below vocab_size " + vocabulary);
                return List.of();
            }
            if (!tokens.contains(token.asInt())) {
                tokens.add(token.asInt());
            }
        }
        if (tokens.isEmpty()) {
            owner.problem("eos_token_id", "is empty: give the id of the token that ends a completion");
        }
        return tokens;
    }

    private static void putEndTokens(ObjectNode tree, ModelConfig config) {
        List<Integer> ends = config.endOfSequenceTokens();
        if (ends.size() == 1) {
            tree.put("eos_token_id", ends.get(0));
        } else {
            ArrayNode list = tree.putArray("eos_token_id");
            ends.forEach(list::add);
        }
    }

    private static ObjectNode existing(@Nullable Path source, String name) throws IOException {
        if (source != null && Files.exists(source.resolve(name))
                && ModelFiles.read(source.resolve(name)) instanceof ObjectNode tree) {
            return tree;
        }
        return ModelFiles.JSON.createObjectNode();
    }

    private static @Nullable JsonNode tree(Path file, List<String> problems) throws IOException {
        try {
            JsonNode tree = ModelFiles.read(file);
            if (tree.isObject()) {
                return tree;
            }
            problems.add(file + " is not a JSON object.");
        } catch (NoSuchFileException | FileNotFoundException missing) {
            problems.add(file + " is missing: copy it from the model's repository.");
        } catch (D3sException invalid) {
            problems.add(invalid.text());
        }
        return null;
    }

    /** Members of one file, with the mistakes found in them. */
    private record Members(Path file, JsonNode config, List<String> problems) {
        void problem(String member, String what) {
            problems.add(file + ": " + member + " " + what + ".");
        }

        /** A positive whole number; 0 after a problem. An absent one is {@code otherwise}, which is {@code null} when it must be there. */
        int dimension(String member, @Nullable Integer otherwise) {
            JsonNode node = config.path(member);
            if (node.isMissingNode() || node.isNull()) {
                if (otherwise == null) {
                    problem(member, "is missing");
                    return 0;
                }
                return otherwise;
            }
            if (!node.isInt() || node.asInt() < 1 || node.asInt() > MAX_DIMENSION) {
                problem(member, "is " + node + "; it must be a whole number from 1 to " + MAX_DIMENSION);
                return 0;
            }
            return node.asInt();
        }

        double positive(JsonNode parent, String member, double otherwise) {
            JsonNode node = parent.path(member);
            if (node.isMissingNode() || node.isNull()) {
                return otherwise;
            }
            if (!node.isNumber() || !Double.isFinite(node.asDouble()) || !(node.asDouble() > 0)) {
                problem(member, "is " + node + "; it must be a positive number");
                return otherwise;
            }
            return node.asDouble();
        }
    }
}
