package dev.d3s.server.dataset;

import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The messages of a row, as OpenAI writes them.
 *
 * @param messages at least one, each with a role
 * @param tools what the assistant may call; {@code null} for nothing
 */
record Conversation(List<Map<String, @Nullable Object>> messages, @Nullable List<Map<String, @Nullable Object>> tools) {
    boolean answer(int message) {
        return "assistant".equals(messages.get(message).get("role"));
    }

    /** Whether the loss covers a message: an assistant's, unless its {@code weight} is 0. */
    boolean trained(int message) {
        return answer(message)
                && !(messages.get(message).get("weight") instanceof Number weight && weight.doubleValue() == 0);
    }

    /** Index of the last message that the loss covers; -1 when there is none. */
    int lastTrained() {
        int message = messages.size() - 1;
        while (message >= 0 && !trained(message)) {
            message--;
        }
        return message;
    }

    /** Messages before the answer that the row ends with; all of them when it does not end with one. */
    int questions() {
        return answer(messages.size() - 1) ? messages.size() - 1 : messages.size();
    }
}
