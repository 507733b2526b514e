package dev.d3s.server.dataset;

import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * One row of a dataset.
 *
 * @param line line number in the file, from 1; of a Parquet file, the number of the row
 * @param prompt the prompt as text; of a row with messages, empty until the model's chat template has written it
 * @param completion the completion to imitate; {@code null} in reinforcement rows
 * @param item all members of the row as plain Java values, for graders. Where a row with messages ends with an answer of the assistant and has no
 *        {@code completion}, that answer is there under this name
 * @param conversation its messages; {@code null} in a row with a prompt
 */
public record DatasetRow(int line, String prompt, @Nullable String completion, Map<String, Object> item,
        @Nullable Conversation conversation) {
    public DatasetRow(int line, String prompt, @Nullable String completion, Map<String, Object> item) {
        this(line, prompt, completion, item, null);
    }

    DatasetRow withPrompt(String written) {
        return new DatasetRow(line, written, completion, item, conversation);
    }
}
