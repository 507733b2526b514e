package dev.d3s.server.dataset;

import java.util.List;
import java.util.stream.Collectors;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * A row that cannot be used.
 *
 * @param line line number in the file, from 1
 * @param message what is wrong and what would be right, one sentence
 */
public record RowProblem(int line, String message) {
    /** Problems collected before giving up: enough to see the pattern. */
    static final int LIMIT = 20;

    /** All problems of a file as one failure with the code {@code invalid_row}. */
    static D3sException failure(String file, List<RowProblem> problems) {
        return new D3sException(ErrorCategory.USER, "invalid_row",
                problems.stream()
                    .map(problem -> file + ", line " + problem.line() + ": " + problem.message())
                    .collect(Collectors.joining("\n")));
    }
}
