package dev.d3s.server.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.spi.D3sException;

/**
 * A model in the layout of Hugging Face: {@code config.json}, {@code generation_config.json}, {@code model.safetensors} (or its shards with
 * {@code model.safetensors.index.json}), {@code tokenizer.json} and its companions. Base models, checkpoints and results are all
 * such directories, so any of them opens in other tools, and any can be the start of a job. Stateless; any thread.
 */
public final class ModelDirectory {
    private static final String WEIGHTS = WeightFiles.SINGLE;
    private static final String INDEX = WeightFiles.INDEX;
    private static final String TOKENIZER = "tokenizer.json";
    /** What belongs to a tokenizer besides {@code tokenizer.json}; copied where it exists. */
    private static final List<String> TOKENIZER_COMPANIONS = List.of("tokenizer_config.json",
            "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja",
            "chat_template.json");
    /** Every file of a model directory but the weights and their index, in the order in which they matter. */
    public static final List<String> FILES = Stream
        .concat(Stream.of(ModelConfigFiles.CONFIG, ModelConfigFiles.GENERATION_CONFIG, TOKENIZER),
                TOKENIZER_COMPANIONS.stream())
        .toList();
    private static final int LISTED = 8;

    private ModelDirectory() {}

    /**
     * Opens everything; the caller closes it.
     *
     * @throws D3sException naming every file and tensor that is missing, superfluous or wrong
     */
    public static HuggingFaceModel open(Path directory) throws IOException {
        Tokenizer tokenizer = null;
        MemoryWeights weights = null;
        try {
            ModelConfig config = config(directory);
            tokenizer = tokenizer(directory);
            weights = weights(directory, config);
            return new HuggingFaceModel(directory, config, weights, tokenizer);
        } catch (IOException | RuntimeException failure) {
            if (tokenizer != null) {
                tokenizer.close();
            }
            throw failure;
        }
    }

    /** Reads {@code config.json} and {@code generation_config.json}. */
    public static ModelConfig config(Path directory) throws IOException {
        List<String> problems = new ArrayList<>();
        ModelConfig config = Files.isDirectory(directory) ? ModelConfigFiles.read(directory, problems) : null;
        if (config == null) {
            throw ModelFiles.invalid(problems.isEmpty() ? List.of(noDirectory(directory)) : problems);
        }
        return config;
    }

    /** Reads {@code tokenizer.json}; the caller closes it. */
    public static Tokenizer tokenizer(Path directory) throws IOException {
        Path file = directory.resolve(TOKENIZER);
        if (!Files.isRegularFile(file)) {
            throw ModelFiles.invalid(noTokenizer(file));
        }
        return JsonTokenizer.open(file);
    }

    /** Reads the weights, whatever floating-point format they are in, into the engines' layout; the caller closes them. */
    public static MemoryWeights weights(Path directory, ModelConfig config) throws IOException {
        try (StoredWeights stored = stored(directory, config)) {
            MemoryWeights weights = MemoryWeights.allocate(config);
            try {
                for (int index = 0; index < weights.parameters().size(); index++) {
                    stored.copyTo(index, weights.writable(index));
                }
                return weights;
            } catch (RuntimeException failure) {
                weights.close();
                throw failure;
            }
        }
    }

    /** Checks the weights and leaves them in their files until they are asked for; the caller closes them, on the same thread. */
    public static StoredWeights stored(Path directory, ModelConfig config) throws IOException {
        TensorFiles files = TensorFiles.open(directory);
        List<String> problems = files.problems(config);
        if (!problems.isEmpty()) {
            files.close();
            throw ModelFiles.invalid(problems);
        }
        return new StoredWeights(ParameterLayout.of(config), (parameter, target) -> {
            for (TensorPart part : TensorPart.of(config, parameter)) {
                files.file(part.name()).read(part.name(), target);
            }
        }, files::close);
    }

    /**
     * Everything that would keep {@link #open} from working, each with what to do about it; empty when all is well. Reads the headers of the weights, not the weights.
     */
    public static List<String> check(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return List.of(noDirectory(directory));
        }
        List<String> problems = new ArrayList<>();
        ModelConfig config = checkBesideWeights(directory, problems);
        try (TensorFiles files = TensorFiles.open(directory)) {
            if (config != null) {
                problems.addAll(files.problems(config));
            }
        } catch (D3sException unreadable) {
            problems.add(unreadable.text());
        }
        return List.copyOf(problems);
    }

    /** As {@link #check}, of a directory whose weights are not there yet and are not missed. */
    public static List<String> checkBesideWeights(Path directory) throws IOException {
        List<String> problems = new ArrayList<>();
        checkBesideWeights(directory, problems);
        return List.copyOf(problems);
    }

    private static @Nullable ModelConfig checkBesideWeights(Path directory, List<String> problems) throws IOException {
        ModelConfig config = ModelConfigFiles.read(directory, problems);
        Path tokenizer = directory.resolve(TOKENIZER);
        if (Files.isRegularFile(tokenizer)) {
            checkTokenizer(tokenizer, config, problems);
        } else {
            problems.add(noTokenizer(tokenizer));
        }
        try {
            problems.addAll(ChatTemplate.check(directory));
        } catch (D3sException unreadable) {
            problems.add(unreadable.text());
        }
        return config;
    }

    /**
     * Writes a complete model directory with fp32 weights and makes every file durable. {@code weights} may be a policy's live ones: they go from
     * where they are to the file, and nothing may update them meanwhile. Weights of more than 5 GB become several files with an index.
     *
     * @param directory created when absent; files of the same names are overwritten
     * @param tokenizerSource model directory whose tokenizer files are copied, and whose members of config.json that the engines do not
     *        know are kept
     */
    public static void write(Path directory, ModelConfig config, Weights weights, Path tokenizerSource)
            throws IOException {
        write(directory, config, weights, TensorType.F32, tokenizerSource);
    }

    /** As {@link #write(Path, ModelConfig, Weights, Path)}, with the values rounded to {@code type}: F32, F16 or BF16. */
    public static void write(Path directory, ModelConfig config, Weights weights, TensorType type,
            Path tokenizerSource) throws IOException {
        Files.createDirectories(directory);
        boolean elsewhere = !Files.isSameFile(directory, tokenizerSource);
        ModelConfigFiles.write(directory, config, type, tokenizerSource);
        if (elsewhere) {
            copyTokenizer(tokenizerSource, directory);
        }
        WeightFiles.write(directory, sources(config, weights, type), WeightFiles.MAX_SHARD_BYTES);
        ModelFiles.sync(directory);
    }

    /**
     * Writes the weights alone, in the same files as a complete directory has them, and makes them durable: {@link #weights}
     * reads them back.
     *
     * @param type F32, F16 or BF16; only F32 keeps every bit
     */
    public static void writeWeights(Path directory, ModelConfig config, Weights weights, TensorType type)
            throws IOException {
        Files.createDirectories(directory);
        WeightFiles.write(directory, sources(config, weights, type), WeightFiles.MAX_SHARD_BYTES);
        ModelFiles.sync(directory);
    }

    /** Whether {@link #weights} would find any there. */
    public static boolean hasWeights(Path directory) {
        return Files.isRegularFile(directory.resolve(WEIGHTS)) || Files.isRegularFile(directory.resolve(INDEX));
    }

    /**
     * The format that most of a directory's weights are in: what a model trained from it is saved in. Where formats are mixed, as
     * with fp32 norms among bf16 matrices, the one with the most values counts. Reads the headers only.
     */
    public static TensorType weightType(Path directory) throws IOException {
        try (TensorFiles files = TensorFiles.open(directory)) {
            Map<TensorType, Long> values = new EnumMap<>(TensorType.class);
            for (String tensor : files.byTensor.keySet()) {
                SafeTensors.Entry entry = files.file(tensor).entry(tensor);
                if (entry.type().readable()) {
                    values.merge(entry.type(), entry.size(), Long::sum);
                }
            }
            return values.entrySet()
                .stream()
                .max(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey)
                .orElse(
                        TensorType.F32);
        }
    }

    static List<SafeTensors.Source> sources(ModelConfig config, Weights weights, TensorType type) {
        List<SafeTensors.Source> sources = new ArrayList<>();
        List<Parameter> parameters = weights.parameters();
        for (int index = 0; index < parameters.size(); index++) {
            ByteBuffer values = weights.values(index);
            for (TensorPart part : TensorPart.of(config, parameters.get(index))) {
                ByteBuffer slice = values.slice(Float.BYTES * part.offset(), Float.BYTES * part.size())
                    .order(ByteOrder.nativeOrder());
                sources.add(new SafeTensors.Source(part.name(), type, part.shape(), slice));
            }
        }
        return sources;
    }

    private static void copyTokenizer(Path source, Path target) throws IOException {
        if (!Files.isRegularFile(source.resolve(TOKENIZER))) {
            throw ModelFiles.invalid(noTokenizer(source.resolve(TOKENIZER)));
        }
        ModelFiles.copyDurably(source.resolve(TOKENIZER), target.resolve(TOKENIZER));
        for (String companion : TOKENIZER_COMPANIONS) {
            if (Files.isRegularFile(source.resolve(companion))) {
                ModelFiles.copyDurably(source.resolve(companion), target.resolve(companion));
            }
        }
        List<Path> templates = ChatTemplate.further(source);
        if (!templates.isEmpty()) {
            Path folder = target.resolve(source.relativize(templates.getFirst().resolveSibling("")));
            Files.createDirectories(folder);
            for (Path template : templates) {
                ModelFiles.copyDurably(template, folder.resolve(template.getFileName()));
            }
        }
    }

    private static void checkTokenizer(Path file, @Nullable ModelConfig config, List<String> problems)
            throws IOException {
        try {
            if (config != null) {
                int largest = largestToken(ModelFiles.read(file));
                if (largest >= config.vocabularySize()) {
                    problems.add(file + " has token ids up to " + largest + ", but config.json says vocab_size "
                            + config.vocabularySize() + ": the tokenizer belongs to another model.");
                }
            }
            JsonTokenizer.open(file).close();
        } catch (D3sException unreadable) {
            problems.add(unreadable.text());
        }
    }

    private static int largestToken(JsonNode tokenizer) {
        int largest = -1;
        JsonNode vocabulary = tokenizer.path("model").path("vocab");
        if (vocabulary.isObject()) {
            for (JsonNode id : vocabulary) {
                largest = Math.max(largest, id.asInt());
            }
        } else if (vocabulary.isArray()) {
            // unigram models list their tokens in the order of their ids
            largest = vocabulary.size() - 1;
        }
        for (JsonNode added : tokenizer.path("added_tokens")) {
            largest = Math.max(largest, added.path("id").asInt());
        }
        return largest;
    }

    private static String noDirectory(Path directory) {
        return directory + " is not a directory: put the model's files there (config.json, " + WEIGHTS + ", "
                + TOKENIZER + ").";
    }

    private static String noTokenizer(Path file) {
        return file + " is missing: save the model's fast tokenizer there (save_pretrained writes it).";
    }

    /** The safetensors files of one directory, and which of them holds which tensor. */
    private static final class TensorFiles implements AutoCloseable {
        private final Map<String, SafeTensors> byTensor = new LinkedHashMap<>();
        private final Map<String, SafeTensors> byFile = new HashMap<>();
        private final Path directory;

        private TensorFiles(Path directory) {
            this.directory = directory;
        }

        static TensorFiles open(Path directory) throws IOException {
            TensorFiles files = new TensorFiles(directory);
            try {
                if (Files.isRegularFile(directory.resolve(WEIGHTS))) {
                    SafeTensors file = files.openFile(WEIGHTS);
                    file.names().forEach(name -> files.byTensor.put(name, file));
                } else if (Files.isRegularFile(directory.resolve(INDEX))) {
                    files.openShards(ModelFiles.read(directory.resolve(INDEX)).path("weight_map"));
                } else {
                    throw ModelFiles.invalid(directory.resolve(WEIGHTS)
                            + " is missing: save the model's weights there as safetensors (save_pretrained writes it).");
                }
                return files;
            } catch (IOException | RuntimeException failure) {
                files.close();
                throw failure;
            }
        }

        private void openShards(JsonNode weightMap) throws IOException {
            if (!weightMap.isObject() || weightMap.isEmpty()) {
                throw ModelFiles.invalid(directory.resolve(INDEX) + " has no weight_map.");
            }
            for (Map.Entry<String, JsonNode> tensor : weightMap.properties()) {
                String shard = tensor.getValue().asText();
                if (shard.contains("/") || shard.contains("\\") || !shard.endsWith(".safetensors")) {
                    throw ModelFiles.invalid(directory.resolve(INDEX) + " puts tensor " + tensor.getKey()
                            + " into \"" + shard + "\", which is not a safetensors file of the directory.");
                }
                SafeTensors file = openFile(shard);
                if (!file.names().contains(tensor.getKey())) {
                    throw ModelFiles.invalid(directory.resolve(INDEX) + " puts tensor " + tensor.getKey() + " into "
                            + shard + ", which does not have it.");
                }
                byTensor.put(tensor.getKey(), file);
            }
        }

        private SafeTensors openFile(String name) throws IOException {
            SafeTensors open = byFile.get(name);
            if (open == null) {
                try {
                    open = SafeTensors.open(directory.resolve(name));
                } catch (NoSuchFileException missing) {
                    throw ModelFiles.invalid(directory.resolve(name) + " is missing, but " + INDEX + " names it.",
                            missing);
                }
                byFile.put(name, open);
            }
            return open;
        }

        SafeTensors file(String tensor) {
            SafeTensors file = byTensor.get(tensor);
            if (file == null) {
                throw new IllegalStateException(tensor);
            }
            return file;
        }

        /** Missing and superfluous tensors, wrong shapes and formats. */
        List<String> problems(ModelConfig config) {
            List<String> problems = new ArrayList<>();
            Set<String> missing = new LinkedHashSet<>();
            Set<String> known = new HashSet<>();
            for (Parameter parameter : ParameterLayout.of(config)) {
                for (TensorPart part : TensorPart.of(config, parameter)) {
                    known.add(part.name());
                    SafeTensors file = byTensor.get(part.name());
                    if (file == null) {
                        missing.add(part.name());
                        continue;
                    }
                    SafeTensors.Entry entry = file.entry(part.name());
                    if (!Arrays.equals(entry.shape(), part.shape())) {
                        problems.add(file.file() + ": tensor " + part.name() + " has the shape "
                                + Arrays.toString(entry.shape()) + "; config.json asks for "
                                + Arrays.toString(part.shape()) + ".");
                    } else if (!entry.type().readable()) {
                        problems.add(SafeTensors.unreadable(file.file(), entry));
                    }
                }
            }
            Set<String> extra = new TreeSet<>(byTensor.keySet());
            extra.removeAll(known);
            // older tools store the rotary table, and a tied lm_head a second time; both follow from the rest
            extra.removeIf(name -> name.endsWith("rotary_emb.inv_freq") || name.equals("lm_head.weight"));
            if (!missing.isEmpty()) {
                problems.add(directory + " lacks the tensors " + listed(missing)
                        + " that config.json asks for: "
                        + (missing.equals(Set.of("lm_head.weight"))
                                ? "set tie_word_embeddings to true if it is the embedding."
                                : "is it another model's config.json?"));
            }
            if (!extra.isEmpty()) {
                problems.add(directory + " has the tensors " + listed(extra)
                        + " that no " + config.architecture().className() + " of this config.json has.");
            }
            return problems;
        }

        private static String listed(Set<String> names) {
            List<String> first = names.stream().limit(LISTED).toList();
            return String.join(", ", first)
                    + (names.size() > LISTED ? " and " + (names.size() - LISTED) + " more" : "");
        }

        @Override
        public void close() {
            byFile.values().forEach(SafeTensors::close);
        }
    }
}
