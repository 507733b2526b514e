package dev.d3s.server.dataset;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.spi.D3sException;

/**
 * A dataset as token ids, in the order of training. Opening it encodes every row once to see that it fits into the model's context; rows are
 * encoded again when they are asked for, so that memory does not grow with the file.
 *
 * <p>Which row comes when is a pure function of (seed, position), so a resumed run continues with the right row without any stored state. Any thread; owns
 * nothing: dataset and tokenizer are closed by whoever opened them.
 */
public final class TokenizedDataset {
    private final Dataset dataset;
    private final Tokenizer tokenizer;
    private final int endOfSequence;
    private final ShuffledOrder order;
    private final int longestPrompt;

    private TokenizedDataset(Dataset dataset, Tokenizer tokenizer, int endOfSequence, long seed, int longestPrompt) {
        this.dataset = dataset;
        this.longestPrompt = longestPrompt;
        this.tokenizer = tokenizer;
        this.endOfSequence = endOfSequence;
        this.order = new ShuffledOrder(seed, dataset.size());
    }

    /**
     * Encodes every row once and checks its length.
     *
     * @param maxTokens tokens that will be generated after a prompt; 0 when nothing will be generated
     * @param seed of the order
     * @throws D3sException code {@code invalid_row} with the first 20 rows that do not fit
     */
    public static TokenizedDataset of(Dataset dataset, Tokenizer tokenizer, ModelConfig config, int maxTokens,
            long seed) {
        Scan scan = scan(dataset, tokenizer, config, maxTokens);
        if (!scan.problems.isEmpty()) {
            throw RowProblem.failure(Dataset.name(dataset.file()), scan.problems);
        }
        return new TokenizedDataset(dataset, tokenizer, config.endOfSequenceTokens().get(0), seed, scan.longestPrompt);
    }

    /** The first 20 rows that do not fit into the model's context; empty when all do. */
    public static List<RowProblem> check(Dataset dataset, Tokenizer tokenizer, ModelConfig config, int maxTokens) {
        return scan(dataset, tokenizer, config, maxTokens).problems;
    }

    /** What one walk over all rows finds. */
    private record Scan(List<RowProblem> problems, int longestPrompt) {}

    private static Scan scan(Dataset dataset, Tokenizer tokenizer, ModelConfig config, int maxTokens) {
        List<RowProblem> problems = new ArrayList<>();
        int longest = 0;
        for (int index = 0; index < dataset.size() && problems.size() < RowProblem.LIMIT; index++) {
            DatasetRow row = dataset.row(index);
            try {
                int prompt = tokenizer.encode(row.prompt()).length;
                longest = Math.max(longest, prompt);
                String problem = problem(row, prompt, tokenizer, config, maxTokens);
                if (problem != null) {
                    problems.add(new RowProblem(row.line(), problem));
                }
            } catch (D3sException unencodable) {
                problems.add(new RowProblem(row.line(), unencodable.text()));
            }
        }
        return new Scan(List.copyOf(problems), longest);
    }

    /** Tokens of the longest prompt. */
    public int longestPrompt() {
        return longestPrompt;
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
        DatasetRow row = dataset.row(index);
        String completion = row.completion();
        return new TokenizedRow(row, tokenizer.encode(row.prompt()),
                completion == null ? null : ended(tokenizer.encode(completion)));
    }

    private int[] ended(int[] tokens) {
        int[] ended = Arrays.copyOf(tokens, tokens.length + 1);
        ended[tokens.length] = endOfSequence;
        return ended;
    }

    private static @Nullable String problem(DatasetRow row, int prompt, Tokenizer tokenizer, ModelConfig config,
            int maxTokens) {
        String text = row.completion();
        int completion = text == null ? 0 : tokenizer.encode(text).length + 1;
        int context = config.contextLength();
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
}
