package dev.d3s.server.model;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * The tokenizer that a {@code tokenizer.json} describes, run by Hugging Face's tokenizers library. Only that file is read: neither
 * {@code tokenizer_config.json} nor the file's own truncation, padding and post-processor change what is encoded, because the engines count tokens
 * themselves.
 *
 * <p>Safe for use by several threads at once: the library's tokenizer is immutable. The native library is unpacked once into
 * {@code DJL_CACHE_DIR} from its jar; nothing is downloaded. Closed by whoever opened it, after the last call.
 */
public final class JsonTokenizer implements Tokenizer {
    static {
        // the library's Java wrapper would otherwise look for the network: for its native part, and to report its use
        if (System.getenv("DJL_OFFLINE") == null && System.getProperty("DJL_OFFLINE") == null) {
            System.setProperty("DJL_OFFLINE", "true");
        }
        if (System.getenv("OPT_OUT_TRACKING") == null && System.getProperty("OPT_OUT_TRACKING") == null) {
            System.setProperty("OPT_OUT_TRACKING", "true");
        }
    }

    private final HuggingFaceTokenizer library;

    private JsonTokenizer(HuggingFaceTokenizer library) {
        this.library = library;
    }

    /**
     * Reads a {@code tokenizer.json}.
     *
     * @throws D3sException when the library cannot read it
     */
    public static JsonTokenizer open(Path file) throws IOException {
        byte[] json = Files.readAllBytes(file);
        try {
            return new JsonTokenizer(HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json),
                    Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false")));
        } catch (RuntimeException unreadable) {
            throw ModelFiles.invalid(file + " cannot be read by the tokenizers library: " + unreadable.getMessage()
                    + ". Write it with save_pretrained of a fast tokenizer.", unreadable);
        }
    }

    @Override
    public int[] encode(String text) {
        long[] ids;
        try {
            ids = library.encode(text, false, false).getIds();
        } catch (RuntimeException refused) {
            throw new D3sException(ErrorCategory.USER, "invalid_text",
                    "The tokenizer cannot encode a text: " + refused.getMessage()
                            + ". Its vocabulary may lack a token for unknown symbols.",
                    refused);
        }
        int[] tokens = new int[ids.length];
        for (int index = 0; index < ids.length; index++) {
            tokens[index] = Math.toIntExact(ids[index]);
        }
        return tokens;
    }

    @Override
    public String decode(int[] tokens) {
        long[] ids = new long[tokens.length];
        for (int index = 0; index < tokens.length; index++) {
            ids[index] = tokens[index];
        }
        return library.decode(ids, true);
    }

    @Override
    public void close() {
        library.close();
    }
}
