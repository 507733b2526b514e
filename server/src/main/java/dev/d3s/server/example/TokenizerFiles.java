package dev.d3s.server.example;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * Tokenizers of one token per symbol, written as the files that Hugging Face's tools read: {@code tokenizer.json}, {@code tokenizer_config.json},
 * {@code special_tokens_map.json}.
 *
 * <p>Both are byte-level byte-pair encodings without any merge, with the normalization (NFC) that Qwen2's own tokenizer has: some tools replace a Qwen2
 * directory's normalizer and pre-tokenizer by that model's usual ones, and must still find the same token ids.
 */
public final class TokenizerFiles {
    /** Ends a completion; id 0 in every tokenizer written here. */
    public static final String END = "<|endoftext|>";
    static final String PAD = "<|pad|>";
    static final String UNKNOWN = "<|unknown|>";
    static final String SYMBOLS = "0123456789+-*/=,.:;()?!<>#% \n";

    private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private TokenizerFiles() {}

    /**
     * One token per character of a small alphabet of digits and signs; each byte of anything else becomes an unknown token. Returns the vocabulary size, 32.
     */
    public static int writeCharacters(Path directory, int contextLength) throws IOException {
        List<String> symbols = byteSymbols();
        List<String> vocabulary = new ArrayList<>(List.of(END, PAD, UNKNOWN));
        SYMBOLS.chars().forEach(symbol -> vocabulary.add(symbols.get(symbol)));
        return write(directory, List.of(END, PAD, UNKNOWN), vocabulary, contextLength);
    }

    /** One token per byte, so that every text can be encoded: the alphabet of byte-level byte-pair encodings. Returns the vocabulary size, 258. */
    public static int writeBytes(Path directory, int contextLength) throws IOException {
        List<String> vocabulary = new ArrayList<>(List.of(END, PAD));
        vocabulary.addAll(byteSymbols());
        return write(directory, List.of(END, PAD), vocabulary, contextLength);
    }

    /**
     * The printable characters that stand for the 256 bytes, by byte: printable Latin-1 characters for themselves, the others for the characters
     * from U+0100 on, in order.
     */
    static List<String> byteSymbols() {
        List<String> symbols = new ArrayList<>(256);
        int replacement = 0x100;
        for (int value = 0; value < 256; value++) {
            boolean printable = (value >= '!' && value <= '~') || (value >= 0xA1 && value <= 0xFF && value != 0xAD);
            symbols.add(Character.toString(printable ? value : replacement));
            if (!printable) {
                replacement++;
            }
        }
        return symbols;
    }

    private static ObjectNode tokenizer(List<String> special, List<String> vocabulary) {
        ObjectNode root = JSON.createObjectNode();
        root.put("version", "1.0");
        root.putNull("truncation");
        root.putNull("padding");
        ArrayNode added = root.putArray("added_tokens");
        for (int id = 0; id < special.size(); id++) {
            describe(added.addObject().put("id", id), special.get(id));
        }
        root.putObject("normalizer").put("type", "NFC");
        byteLevel(root.putObject("pre_tokenizer"));
        byteLevel(root.putObject("decoder"));
        root.putNull("post_processor");
        ObjectNode model = root.putObject("model");
        model.put("type", "BPE");
        model.putNull("dropout");
        model.put("unk_token", special.contains(UNKNOWN) ? UNKNOWN : null);
        model.putNull("continuing_subword_prefix");
        model.putNull("end_of_word_suffix");
        model.put("fuse_unk", false);
        model.put("byte_fallback", false);
        model.put("ignore_merges", false);
        ObjectNode ids = model.putObject("vocab");
        for (int id = 0; id < vocabulary.size(); id++) {
            ids.put(vocabulary.get(id), id);
        }
        model.putArray("merges");
        return root;
    }

    private static void describe(ObjectNode token, String content) {
        token.put("content", content)
            .put("single_word", false)
            .put("lstrip", false)
            .put("rstrip", false)
            .put("normalized", false)
            .put("special", true);
    }

    private static void byteLevel(ObjectNode node) {
        node.put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", false);
    }

    private static int write(Path directory, List<String> special, List<String> vocabulary, int contextLength)
            throws IOException {
        Files.createDirectories(directory);
        ObjectNode names = JSON.createObjectNode();
        names.put("eos_token", END);
        names.put("pad_token", PAD);
        if (special.contains(UNKNOWN)) {
            names.put("unk_token", UNKNOWN);
        }
        ObjectNode config = names.deepCopy();
        config.put("tokenizer_class", "PreTrainedTokenizerFast");
        config.put("model_max_length", contextLength);
        config.put("clean_up_tokenization_spaces", false);
        ObjectNode decoder = config.putObject("added_tokens_decoder");
        for (int id = 0; id < special.size(); id++) {
            describe(decoder.putObject(Integer.toString(id)), special.get(id));
        }
        write(directory.resolve("tokenizer.json"), tokenizer(special, vocabulary));
        write(directory.resolve("tokenizer_config.json"), config);
        write(directory.resolve("special_tokens_map.json"), names);
        return vocabulary.size();
    }

    private static void write(Path file, ObjectNode tree) throws IOException {
        Files.write(file, JSON.writeValueAsBytes(tree));
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }
}
