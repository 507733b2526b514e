package dev.d3s.server.wiring;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;

import dev.d3s.server.dataset.Dataset;
import dev.d3s.server.dataset.RowEncoder;
import dev.d3s.server.dataset.RowKind;
import dev.d3s.server.dataset.TokenizedDataset;
import dev.d3s.server.model.ChatTemplate;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.spec.DatasetChecks;
import dev.d3s.spi.D3sException;

/** Reads every row of a file once before its job is accepted, and measures prompts with the model's own tokenizer and chat template. */
final class DatasetReader implements DatasetChecks {
    @Override
    public DatasetReport check(Path file, DatasetUse use) {
        RowKind kind = use.completions() ? RowKind.PROMPT_AND_COMPLETION : RowKind.PROMPT;
        Path model = use.model();
        try {
            if (model == null) {
                return report(TokenizedDataset.check(file, kind, null, use.maxTokens()));
            }
            try (Tokenizer tokenizer = ModelDirectory.tokenizer(model)) {
                RowEncoder encoder = new RowEncoder(tokenizer, ChatTemplate.open(model), ModelDirectory.config(model),
                        model.toString());
                return report(TokenizedDataset.check(file, kind, encoder, use.maxTokens()));
            }
        } catch (D3sException e) {
            return new DatasetReport(0, List.of(e.text()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public long size(Path file) throws IOException {
        return Dataset.expectedSize(file);
    }

    private static DatasetReport report(TokenizedDataset.Report found) {
        return new DatasetReport(found.rows(),
                found.problems().stream().map(problem -> "Line " + problem.line() + ": " + problem.message()).toList(),
                new Lengths(found.longestPrompt(), found.longestCompletion(), found.longestRow()));
    }
}
