package dev.d3s.server.spec;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.jspecify.annotations.Nullable;

/** Reads a dataset before a job begins. Thread-safe. */
@FunctionalInterface
public interface DatasetChecks {
    /** Reads every row. */
    DatasetReport check(Path file, DatasetUse use);

    /** How much there is to read, in bytes, as far as that can be told without reading. */
    default long size(Path file) throws IOException {
        return Files.size(file);
    }

    /**
     * What a job wants of a dataset.
     *
     * @param completions whether each row needs a completion to imitate
     * @param model directory whose tokenizer measures the prompts; {@code null} when the model itself is at fault, and
     *            lengths are not checked
     * @param maxTokens tokens that must fit into the context after the prompt
     */
    record DatasetUse(boolean completions, @Nullable Path model, int maxTokens) {}

    /**
     * What was found.
     *
     * @param rows how many, malformed ones included
     * @param problems one sentence each, with line number and fix; not more than a person would read
     * @param lengths of its rows; {@link Lengths#UNKNOWN} where they were not measured
     */
    record DatasetReport(int rows, List<String> problems, Lengths lengths) {
        public DatasetReport {
            problems = List.copyOf(problems);
        }

        /** Of rows that were not measured. */
        public DatasetReport(int rows, List<String> problems) {
            this(rows, problems, Lengths.UNKNOWN);
        }
    }

    /**
     * Tokens of the longest rows.
     *
     * @param prompt of the longest prompt
     * @param completion of the longest completion, its end included
     * @param row of the longest prompt and completion together
     */
    record Lengths(int prompt, int completion, int row) {
        static final Lengths UNKNOWN = new Lengths(0, 0, 0);

        Lengths max(Lengths other) {
            return new Lengths(Math.max(prompt, other.prompt), Math.max(completion, other.completion),
                    Math.max(row, other.row));
        }
    }
}
