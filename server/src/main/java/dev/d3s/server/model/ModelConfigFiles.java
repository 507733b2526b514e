package dev.d3s.server.model;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.spi.D3sException;

/**
 * {@code config.json} and {@code generation_config.json} of a model directory, read into a {@link ModelConfig} and written from it.
 *
 * <p>What the engines would compute differently from what the file asks for is refused, each member by name. An absent member means what it means to
 * transformers. Attention over a sliding window is not computed, but up to the window's length it is full attention: there the window
 * bounds the context. The tokens that end a completion are {@code generation_config.json}'s where it has them, as for any other tool
 * that generates from the directory. The first of them is the one that supervised rows end with.
 */
final class ModelConfigFiles {
    static final String CONFIG = "config.json";
    static final String GENERATION_CONFIG = "generation_config.json";
    private static final String CONTEXT = "max_position_embeddings";
    private static final String HEAD_DIM = "head_dim";
    private static final String WINDOW = "sliding_window";
    private static final String USE_WINDOW = "use_sliding_window";
    private static final int MAX_LAYERS = 10_000;
    /** ONNX Runtime turns heads of such widths only. */
    private static final int HEAD_STEP = 16;
    /** One tensor of an engine is one direct buffer. */
    private static final long MAX_VALUES = Integer.MAX_VALUE / Float.BYTES;

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
        ConfigMembers members = new ConfigMembers(file, config, problems);
        Architecture architecture = architecture(members);
        if (architecture == null) {
            // the other members may well mean something else there
            return null;
        }
        int before = problems.size();
        checkSupported(members, architecture);
        int heads = members.dimension("num_attention_heads", null);
        int hidden = members.dimension("hidden_size", null);
        int keyValueHeads = members.dimension("num_key_value_heads", heads);
        int headDim = members.dimension(HEAD_DIM,
                architecture == Architecture.QWEN3 ? 128 : heads == 0 ? 0 : hidden / heads);
        int layers = members.dimension("num_hidden_layers", null);
        int intermediate = members.dimension("intermediate_size", null);
        int vocabulary = members.dimension("vocab_size", null);
        int context = contextLength(members, architecture);
        double epsilon = members.positive("rms_norm_eps", 1e-6);
        RotaryEmbedding rotary = RotaryMembers.read(members);
        boolean tied = members.flag("tie_word_embeddings");
        if (problems.size() == before) {
            if (heads % keyValueHeads != 0) {
                members.problem("num_key_value_heads",
                        "is " + keyValueHeads + ", which does not divide num_attention_heads " + heads);
            }
            if (headDim % HEAD_STEP != 0) {
                members.problem(HEAD_DIM, "is " + headDim + (members.has(HEAD_DIM)
                        ? ""
                        : " (hidden_size " + hidden + " / num_attention_heads " + heads + ")")
                        + "; the rollout engine needs a multiple of " + HEAD_STEP);
            }
            if (3L * heads * headDim > ConfigMembers.MAX_DIMENSION) {
                members.problem("num_attention_heads", "times head_dim is " + (long) heads * headDim
                        + "; the packed projection may have " + ConfigMembers.MAX_DIMENSION + " rows");
            }
            if (layers > MAX_LAYERS) {
                members.problem("num_hidden_layers", "is " + layers + "; it may be up to " + MAX_LAYERS);
            }
        }
        List<Integer> ends = endTokens(members, generation, generationFile, vocabulary);
        if (problems.size() > before) {
            return null;
        }
        ModelConfig result = new ModelConfig(architecture, vocabulary, hidden, layers, heads, keyValueHeads, headDim,
                intermediate, context, rotary, epsilon, architecture == Architecture.QWEN2,
                architecture == Architecture.QWEN3, tied, ends);
        return fits(members, result) ? result : null;
    }

    /** The family; {@code null} after a problem. */
    private static @Nullable Architecture architecture(ConfigMembers members) {
        JsonNode type = members.config().path("model_type");
        JsonNode classes = members.config().path("architectures");
        Architecture found = null;
        for (Architecture each : Architecture.values()) {
            if (type.asText("").equals(each.modelType())) {
                found = each;
            }
        }
        if (found == null) {
            members.problem("model_type", (members.has("model_type") ? "is " + type : "is missing")
                    + "; this server trains "
                    + Arrays.stream(Architecture.values())
                        .map(each -> "\"" + each.modelType() + "\" (" + each.className() + ")")
                        .collect(Collectors.joining(", ")));
            return null;
        }
        boolean named = !classes.isArray() || classes.isEmpty();
        for (JsonNode each : classes) {
            named |= each.asText().equals(found.className());
        }
        if (!named) {
            members.problem("architectures",
                    "is " + classes + "; of this model_type only " + found.className() + " is supported");
            return null;
        }
        return found;
    }

    /** Refuses what the engines would leave out. */
    private static void checkSupported(ConfigMembers members, Architecture architecture) {
        String activation = members.config().path("hidden_act").asText("silu");
        if (!activation.equals("silu") && !activation.equals("swish")) {
            members.problem("hidden_act", "is \"" + activation + "\"; only \"silu\" is supported");
        }
        // the other families have no such member: Qwen2 always has these biases, Mistral never
        if (architecture == Architecture.LLAMA || architecture == Architecture.QWEN3) {
            refuseBias(members, "attention_bias");
        }
        if (architecture == Architecture.LLAMA) {
            refuseBias(members, "mlp_bias");
        }
        if (members.has("quantization_config")) {
            members.problem("quantization_config", "is set; train from the unquantized weights");
        }
        for (String experts : List.of("num_experts", "num_local_experts")) {
            if (members.config().path(experts).asInt(0) > 1) {
                members.problem(experts,
                        "is " + members.config().path(experts) + "; mixtures of experts are not supported");
            }
        }
        for (JsonNode kind : members.config().path("layer_types")) {
            boolean window = kind.asText().equals("sliding_attention");
            if (!kind.asText().equals("full_attention") && !(window && window(members, architecture) > 0)) {
                members.problem("layer_types", "names " + kind + "; only \"full_attention\" is supported"
                        + (window ? ", and \"sliding_attention\" where a sliding_window is set" : ""));
                break;
            }
        }
    }

    private static void refuseBias(ConfigMembers members, String member) {
        if (members.flag(member)) {
            members.problem(member, "is true; projections with these biases are not supported");
        }
    }

    private static int contextLength(ConfigMembers members, Architecture architecture) {
        int context = members.dimension(CONTEXT, switch (architecture) {
            case QWEN2, QWEN3 -> 32_768;
            case LLAMA -> 2_048;
            case MISTRAL -> 131_072;
        });
        int window = window(members, architecture);
        return window > 0 ? Math.min(context, window) : context;
    }

    /** Tokens that a token of some layer sees, itself among them; 0 when it sees all. */
    private static int window(ConfigMembers members, Architecture architecture) {
        boolean used = switch (architecture) {
            // null means no window, absent means the first model's
            case MISTRAL -> !members.config().path(WINDOW).isNull();
            case QWEN2, QWEN3 -> members.flag(USE_WINDOW);
            case LLAMA -> false;
        };
        JsonNode window = members.config().path(WINDOW);
        if (!used) {
            return 0;
        }
        if (window.isMissingNode() || window.isNull()) {
            return 4096;
        }
        if (!window.isInt() || window.asInt() < 1) {
            members.problem(WINDOW, "is " + window + "; it must be null or a positive whole number");
            return 0;
        }
        return window.asInt();
    }

    /** Whether every parameter fits into an engine's tensor; a problem for each kind that does not. */
    private static boolean fits(ConfigMembers members, ModelConfig config) {
        boolean fits = true;
        for (Parameter parameter : ParameterLayout.of(config)) {
            boolean first = !parameter.name().startsWith("model.layers.")
                    || parameter.name().startsWith("model.layers.0.");
            if (parameter.size() > MAX_VALUES && first) {
                members.problems()
                    .add(members.file() + " asks for a " + parameter.name() + " of " + parameter.size()
                            + " values; one tensor can have " + MAX_VALUES + " (2 GiB in fp32): use a smaller model.");
                fits = false;
            }
        }
        return fits;
    }

    /**
     * Writes both files. Where {@code source}, a model directory, describes the same model, its members are taken over as they are, among them
     * those that the engines do not know (begin-of-sequence token, sampling defaults).
     */
    static void write(Path directory, ModelConfig config, TensorType type, @Nullable Path source) throws IOException {
        ObjectNode tree = existing(source, CONFIG);
        if (source == null || !config.equals(read(source, new ArrayList<>()))) {
            describe(tree, config);
        }
        // "dtype" is what newer versions of transformers write; both are read by them
        tree.remove("dtype");
        tree.put("torch_dtype", type.torchName());
        ModelFiles.write(directory.resolve(CONFIG), tree);

        ObjectNode generation = existing(source, GENERATION_CONFIG);
        putEndTokens(generation, config);
        ModelFiles.write(directory.resolve(GENERATION_CONFIG), generation);
    }

    private static void describe(ObjectNode tree, ModelConfig config) {
        Architecture architecture = config.architecture();
        tree.putArray("architectures").add(architecture.className());
        tree.put("model_type", architecture.modelType());
        tree.put("vocab_size", config.vocabularySize());
        tree.put("hidden_size", config.hiddenSize());
        tree.put("num_hidden_layers", config.layers());
        tree.put("num_attention_heads", config.heads());
        tree.put("num_key_value_heads", config.keyValueHeads());
        tree.put(HEAD_DIM, config.headDim());
        tree.put("intermediate_size", config.intermediateSize());
        tree.put(CONTEXT, config.contextLength());
        tree.put("hidden_act", "silu");
        tree.put("rms_norm_eps", config.rmsNormEpsilon());
        RotaryMembers.write(tree, config.rotary());
        tree.put("tie_word_embeddings", config.tiedEmbeddings());
        tree.remove("layer_types");
        switch (architecture) {
            case QWEN2, QWEN3 -> {
                tree.put(USE_WINDOW, false);
                tree.putNull(WINDOW);
                tree.put("max_window_layers", config.layers());
            }
            case LLAMA -> tree.put("mlp_bias", false);
            case MISTRAL -> tree.putNull(WINDOW);
        }
        if (architecture == Architecture.LLAMA || architecture == Architecture.QWEN3) {
            tree.put("attention_bias", false);
        }
        if (!tree.has("initializer_range")) {
            tree.put("initializer_range", RandomInitialization.RANGE);
        }
        if (!tree.has("attention_dropout")) {
            tree.put("attention_dropout", 0.0);
        }
        tree.put("use_cache", true);
        putEndTokens(tree, config);
    }

    private static List<Integer> endTokens(ConfigMembers members, @Nullable JsonNode generation, Path generationFile,
            int vocabulary) {
        boolean own = generation != null && generation.hasNonNull("eos_token_id");
        JsonNode node = own && generation != null
                ? generation.get("eos_token_id")
                : members.config().path("eos_token_id");
        ConfigMembers owner = own && generation != null
                ? new ConfigMembers(generationFile, generation, members.problems())
                : members;
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
}
