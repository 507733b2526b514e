package dev.d3s.server.dataset;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;

/**
 * A dataset as token ids, in the order of training. Opening it walks over the file once: every row is checked and encoded, to see that it fits into
 * the model's context. Rows are encoded again when they are asked for, so that memory does not grow with the file: what stays are 24 bytes per row.
 *
 * <p>Which row comes when is a pure function of (seed, position), so a resumed run continues with the right row without any stored state. Any thread may
 * read; whoever opened it closes it. The encoder belongs to the caller.
 */
public final class TokenizedDataset implements AutoCloseable {
    private final Dataset dataset;
    private final RowKind kind;
    private final RowEncoder encoder;
    private final ShuffledOrder order;
    private final Walk walk;

    private TokenizedDataset(Dataset dataset, RowKind kind, RowEncoder encoder, long seed, Walk walk) {
        this.dataset = dataset;
        this.kind = kind;
        this.encoder = encoder;
        this.order = new ShuffledOrder(seed, dataset.size());
        this.walk = walk;
    }

    /**
     * Opens and checks a file.
     *
     * @param maxTokens tokens that will be generated after a prompt; 0 when nothing will be generated
     * @param seed of the order
     * @throws D3sException code {@code invalid_row} with the first 20 rows that are malformed or do not fit, or {@code empty_file}
     */
    public static TokenizedDataset open(Path file, RowKind kind, RowEncoder encoder, int maxTokens, long seed)
            throws IOException {
        Walk walk = new Walk(encoder, kind, maxTokens);
        return new TokenizedDataset(Dataset.open(file, kind, walk), kind, encoder, seed, walk);
    }

    /**
     * What a walk over a file finds.
     *
     * @param longestPrompt tokens; 0 without an encoder
     * @param longestCompletion tokens with their end; 0 where rows have none
     * @param longestRow tokens of the longest prompt and completion together
     */
    public record Report(int rows, List<RowProblem> problems, int longestPrompt, int longestCompletion,
            int longestRow) {}

    /**
     * Walks over a file as {@link #open} does, and reports the first 20 rows that cannot be used.
     *
     * @param encoder {@code null} to look at the form of the rows only
     */
    public static Report check(Path file, RowKind kind, @Nullable RowEncoder encoder, int maxTokens)
            throws IOException {
        Walk walk = encoder == null ? null : new Walk(encoder, kind, maxTokens);
        Dataset.Report report = Dataset.check(file, kind, walk == null ? row -> null : walk);
        return walk == null
                ? new Report(report.rows(), report.problems(), 0, 0, 0)
                : new Report(report.rows(), report.problems(), walk.longestPrompt, walk.longestCompletion,
                        walk.longestRow);
    }

    /** Encodes every row once, and keeps what is to be known of all of them. */
    private static final class Walk implements Dataset.RowCheck {
        private final RowEncoder encoder;
        private final RowKind kind;
        private final int maxTokens;
        private int longestPrompt;
        private int longestCompletion;
        private int longestRow;
        private long[] fingerprints = new long[1024];
        private int count;

        Walk(RowEncoder encoder, RowKind kind, int maxTokens) {
            this.encoder = encoder;
            this.kind = kind;
            this.maxTokens = maxTokens;
        }

        @Override
        public @Nullable String problem(DatasetRow row) {
            TokenizedRow tokens;
            try {
                tokens = encoder.encode(row, kind);
            } catch (D3sException unencodable) {
                return unencodable.text();
            }
            int[] completion = tokens.completion();
            int trained = completion == null ? 0 : completion.length;
            longestPrompt = Math.max(longestPrompt, tokens.prompt().length);
            longestCompletion = Math.max(longestCompletion, trained);
            longestRow = Math.max(longestRow, tokens.prompt().length + trained);
            if (count == fingerprints.length) {
                fingerprints = Arrays.copyOf(fingerprints, Math.multiplyExact(count, 2));
            }
            fingerprints[count++] = fingerprint(tokens.row().prompt());
            return tooLong(tokens);
        }

        private @Nullable String tooLong(TokenizedRow row) {
            int prompt = row.prompt().length;
            int[] tokens = row.completion();
            int completion = tokens == null ? 0 : tokens.length;
            int context = encoder.config().contextLength();
            if (prompt == 0) {
                return "The prompt becomes no token at all.";
            }
            if ((long) prompt + maxTokens > context) {
                return "The prompt has " + prompt + " tokens; with max_tokens " + maxTokens + " that is "
                        + ((long) prompt + maxTokens) + ", more than the model's context of " + context
                        + ": shorten the prompt or lower max_tokens.";
            }
            if ((long) prompt + completion > context) {
                return "The prompt has " + prompt + " tokens and the completion " + completion
                        + " with its end, more than the model's context of " + context + ": shorten them.";
            }
            return null;
        }

        /** A hash of a prompt that two different prompts share once in 2^64 times. */
        private static long fingerprint(String prompt) {
            long hash = 0;
            for (int at = 0; at < prompt.length(); at++) {
                hash = ShuffledOrder.mix(hash + prompt.charAt(at) + 0x9E3779B97F4A7C15L);
            }
            return hash;
        }
    }

    /** How many rows of another dataset have a prompt that this one has, too. */
    public int overlap(TokenizedDataset other) {
        long[] sorted = Arrays.copyOf(walk.fingerprints, walk.count);
        Arrays.sort(sorted);
        int shared = 0;
        for (int row = 0; row < other.walk.count; row++) {
            shared += Arrays.binarySearch(sorted, other.walk.fingerprints[row]) >= 0 ? 1 : 0;
        }
        return shared;
    }

    @Override
    public void close() throws IOException {
        dataset.close();
    }

    /** Tokens of the longest prompt. */
    public int longestPrompt() {
        return walk.longestPrompt;
    }

    /** Number of rows. */
    public int size() {
        return dataset.size();
    }

    /** The row at a position of the endless shuffled sequence of epochs, from 0. */
    public TokenizedRow rowAt(long position) {
        return row(order.rowAt(position));
    }

    /** The rows of a step: positions {@code step * count} and on. */
    public List<TokenizedRow> next(long step, int count) {
        return IntStream.range(0, count).mapToObj(index -> rowAt(step * count + index)).toList();
    }

    /** Rows from the start of the file, in file order: what an evaluation takes. At most {@link #size()}. */
    public List<TokenizedRow> first(int count) {
        return IntStream.range(0, Math.min(count, size())).mapToObj(this::row).toList();
    }

    /** A row in file order, from 0. */
    public TokenizedRow row(int index) {
        return encoder.encode(dataset.row(index), kind);
    }
}
