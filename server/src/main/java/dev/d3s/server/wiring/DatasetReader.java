package dev.d3s.server.wiring;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;

import dev.d3s.server.dataset.Dataset;
import dev.d3s.server.dataset.RowKind;
import dev.d3s.server.dataset.RowProblem;
import dev.d3s.server.dataset.TokenizedDataset;
import dev.d3s.server.job.DatasetChecks;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.spi.D3sException;

/** Reads every row of a file before its job is accepted, and measures prompts with the model's own tokenizer. */
final class DatasetReader implements DatasetChecks {
    @Override
    public DatasetReport check(Path file, DatasetUse use) {
        RowKind kind = use.completions() ? RowKind.PROMPT_AND_COMPLETION : RowKind.PROMPT;
        try {
            List<RowProblem> malformed = Dataset.check(file, kind);
            if (!malformed.isEmpty()) {
                return report(malformed.size(), malformed);
            }
            try (Dataset dataset = Dataset.open(file, kind)) {
                Path model = use.model();
                if (model == null) {
                    return report(dataset.size(), List.of());
                }
                try (Tokenizer tokenizer = ModelDirectory.tokenizer(model)) {
                    return report(dataset.size(),
                            TokenizedDataset.check(dataset, tokenizer, ModelDirectory.config(model),
                                    use.maxTokens()));
                }
            }
        } catch (D3sException e) {
            return new DatasetReport(0, List.of(e.text()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static DatasetReport report(int rows, List<RowProblem> problems) {
        return new DatasetReport(rows,
                problems.stream().map(problem -> "Line " + problem.line() + ": " + problem.message()).toList());
    }
}
