package dev.d3s.server.job;

import java.nio.file.Path;
import java.util.List;

import org.jspecify.annotations.Nullable;

/** Reads a dataset before a job begins. Thread-safe. */
@FunctionalInterface
public interface DatasetChecks {
    /** Reads every row. */
    DatasetReport check(Path file, DatasetUse use);

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
     */
    record DatasetReport(int rows, List<String> problems) {
        public DatasetReport {
            problems = List.copyOf(problems);
        }
    }
}
