package dev.d3s.server.model;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * The tokenizer that a {@code tokenizer.json} describes, run by Hugging Face's tokenizers library. Only that file is read, as transformers does:
 * its post-processor alone says what a prompt begins with, and its truncation and padding are not used, because the engines count tokens
 * themselves.
 *
 * <p>Tokenizers in the manner of SentencePiece begin every text with a blank and take it away when they decode. What stands behind other
 * text is therefore encoded and decoded behind a short known one, which is cut off again.
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

    /** Texts to stand before a continuation: one of them is not joined with what follows. */
    private static final List<String> ANCHORS = List.of("\n", "0", ".", "a", "=");

    private final HuggingFaceTokenizer library;
    /** What a prompt begins with. */
    private final int[] beginning;
    /** Those that can stand before a continuation here; none when a continuation is encoded and decoded like any text. */
    private final List<Anchor> anchors;

    /** A short text to stand before another one, and its ids. */
    private record Anchor(String text, int[] tokens) {}

    private JsonTokenizer(HuggingFaceTokenizer library) {
        this.library = library;
        beginning = beginning();
        anchors = ANCHORS.stream().filter(this::needsAnchor).map(text -> new Anchor(text, encode(text))).toList();
    }

    private int[] beginning() {
        for (String text : ANCHORS) {
            int[] plain;
            try {
                plain = encode(text);
            } catch (D3sException unencodable) {
                continue;
            }
            int[] whole = ids(text, true);
            for (int start = 0; plain.length > 0 && start + plain.length <= whole.length; start++) {
                if (Arrays.equals(plain, 0, plain.length, whole, start, start + plain.length)) {
                    return Arrays.copyOf(whole, start);
                }
            }
        }
        return new int[0];
    }

    /** Whether this text, put before another one, keeps that one from being changed, and whether that is needed at all. */
    private boolean needsAnchor(String text) {
        try {
            int[] before = encode(text);
            int[] both = encode(text + "0");
            int[] alone = encode("0");
            if (before.length == 0 || !startsWith(both, before) || !decode(before).equals(text)) {
                return false;
            }
            int[] behind = Arrays.copyOfRange(both, before.length, both.length);
            return !Arrays.equals(behind, alone) || !decode(encode(" 0")).equals(" 0")
                    || !decode(encode(text + " 0")).equals(text + " 0") || strips(before, encode(text + " 0"));
        } catch (D3sException unencodable) {
            return false;
        }
    }

    private boolean strips(int[] before, int[] both) {
        return startsWith(both, before)
                && !decode(Arrays.copyOfRange(both, before.length, both.length)).equals(" 0");
    }

    private static boolean startsWith(int[] tokens, int[] beginning) {
        return tokens.length >= beginning.length
                && Arrays.equals(tokens, 0, beginning.length, beginning, 0, beginning.length);
    }

    /**
     * Reads a {@code tokenizer.json}.
     *
     * @throws D3sException when the library cannot read it
     */
    public static JsonTokenizer open(Path file) throws IOException {
        byte[] json = ModelFiles.bytes(file);
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
        try {
            return ids(text, false);
        } catch (RuntimeException refused) {
            throw new D3sException(ErrorCategory.USER, "invalid_text",
                    "The tokenizer cannot encode a text: " + refused.getMessage()
                            + ". Its vocabulary may lack a token for unknown symbols.",
                    refused);
        }
    }

    /** Asks the library for ids alone: its Java wrapper also makes an object for each token, its text and its place. */
    private int[] ids(String text, boolean special) {
        long encoding = TokenizersLibrary.LIB.encode(library.getHandle(), text, special);
        try {
            long[] ids = TokenizersLibrary.LIB.getTokenIds(encoding);
            int[] tokens = new int[ids.length];
            for (int index = 0; index < ids.length; index++) {
                tokens[index] = Math.toIntExact(ids[index]);
            }
            return tokens;
        } finally {
            TokenizersLibrary.LIB.deleteEncoding(encoding);
        }
    }

    @Override
    public int[] encodePrompt(String text) {
        return joined(beginning, encode(text));
    }

    @Override
    public int[] encodeContinuation(String text) {
        for (Anchor anchor : anchors) {
            int[] both = encode(anchor.text() + text);
            // no token may reach from one into the other
            if (startsWith(both, anchor.tokens())) {
                return Arrays.copyOfRange(both, anchor.tokens().length, both.length);
            }
        }
        return encode(text);
    }

    @Override
    public String decodeContinuation(int[] tokens) {
        return anchors.isEmpty()
                ? decode(tokens)
                : decode(joined(anchors.getFirst().tokens(), tokens)).substring(anchors.getFirst().text().length());
    }

    private static int[] joined(int[] first, int[] second) {
        int[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
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
