package dev.d3s.server.dataset;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ChatTemplate;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * Rows to token ids, with a model's tokenizer and chat template.
 *
 * <p>A prompt as text gets what the model wants at the beginning of a sequence, its completion the token that ends one. Messages are written by the chat template:
 * the prompt is everything before the answer, up to where the model begins to answer. What is to be imitated is found by writing the conversation twice,
 * once up to the answer and once with it, and never by searching for the answer's text: the first must be the beginning of the second, in text and in tokens.
 *
 * <p>Thread-safe; owns nothing.
 *
 * @param template {@code null} when the model has none: rows with messages are errors then
 * @param source the model's directory, for messages
 */
public record RowEncoder(Tokenizer tokenizer, @Nullable ChatTemplate template, ModelConfig config, String source) {
    /**
     * @param kind whether the completion is wanted
     * @throws D3sException category USER when the row cannot be encoded, saying why
     */
    TokenizedRow encode(DatasetRow row, RowKind kind) {
        Conversation conversation = row.conversation();
        if (conversation != null) {
            return kind == RowKind.PROMPT ? asked(row, conversation) : answered(row, conversation);
        }
        String completion = row.completion();
        return new TokenizedRow(row, tokenizer.encodePrompt(row.prompt()),
                completion == null ? null : ended(tokenizer.encodeContinuation(completion)));
    }

    private int[] ended(int[] tokens) {
        int[] ended = Arrays.copyOf(tokens, tokens.length + 1);
        ended[tokens.length] = config.endOfSequenceTokens().get(0);
        return ended;
    }

    private TokenizedRow asked(DatasetRow row, Conversation conversation) {
        String prompt = written(conversation, conversation.questions(), true);
        return new TokenizedRow(row.withPrompt(prompt), tokenizer.encode(prompt), null);
    }

    private TokenizedRow answered(DatasetRow row, Conversation conversation) {
        int last = conversation.lastTrained();
        String whole = written(conversation, last + 1, false);
        int[] tokens = tokenizer.encode(whole);
        boolean[] imitated = new boolean[tokens.length];
        String prompt = "";
        int first = -1;
        int end = 0;
        for (int message = 0; message <= last; message++) {
            if (!conversation.trained(message)) {
                continue;
            }
            String before = written(conversation, message, true);
            String with = message == last ? whole : written(conversation, message + 1, false);
            int from = begins(before, whole, tokens, message, "what comes before it");
            int to = begins(with, whole, tokens, message, "what comes after it");
            end = ending(tokens, from, to);
            Arrays.fill(imitated, from, end, true);
            if (first < 0) {
                first = from;
                prompt = before;
            }
        }
        if (first < 0 || first == end) {
            throw unusable("The chat template writes nothing for the answer.");
        }
        return new TokenizedRow(row.withPrompt(prompt), Arrays.copyOf(tokens, first),
                Arrays.copyOfRange(tokens, first, end), Arrays.copyOfRange(imitated, first, end));
    }

    /** Where a beginning of the conversation ends in its tokens. */
    private int begins(String beginning, String whole, int[] tokens, int message, String neighbour) {
        if (!whole.startsWith(beginning)) {
            throw unusable("messages[" + message + "] cannot be told apart from " + neighbour
                    + ": the chat template writes the conversation differently with it. Give it \"weight\": 0, or make a"
                    + " row of its own that ends with it.");
        }
        int[] start = tokenizer.encode(beginning);
        if (start.length > tokens.length
                || !Arrays.equals(start, 0, start.length, tokens, 0, start.length)) {
            throw unusable("messages[" + message + "] cannot be told apart from " + neighbour
                    + ": one token reaches over the border. The chat template must write a special token or a line break there.");
        }
        return start.length;
    }

    /** Behind the token that ends an answer the model is not asked any more; what templates write there is not imitated. */
    private int ending(int[] tokens, int from, int to) {
        List<Integer> ends = config.endOfSequenceTokens();
        for (int at = to - 1; at >= from; at--) {
            if (ends.contains(tokens[at])) {
                return at + 1;
            }
        }
        return to;
    }

    private String written(Conversation conversation, int messages, boolean goesOn) {
        if (template == null) {
            throw unusable("The row has \"messages\", but the model has no chat template: " + source
                    + " has neither chat_template.jinja nor a chat_template in tokenizer_config.json. Use a model that has one, or"
                    + " give \"prompt\" as text.");
        }
        List<Map<String, @Nullable Object>> part = conversation.messages().subList(0, messages);
        if (part.isEmpty()) {
            throw unusable("\"messages\" has nothing before the answer: begin with a message of the user.");
        }
        return template.render(part, conversation.tools(), goesOn, Map.of());
    }

    private static D3sException unusable(String message) {
        return new D3sException(ErrorCategory.USER, "invalid_row", message);
    }
}
