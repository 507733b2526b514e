package dev.d3s.spi;

import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * What a grader asks of a model of this server: one completion.
 *
 * @param model an id of {@code GET /v1/models}
 * @param messages a conversation, rendered with the model's chat template; empty when there is a prompt
 * @param prompt text as it is; {@code null} when there are messages
 * @param maxTokens most tokens to generate, at least 1
 * @param temperature at least 0; 0 is greedy
 * @param topP above 0 to 1
 * @param seed the same seed gives the same completion; {@code null} for any
 */
public record ModelRequest(String model, List<Message> messages, @Nullable String prompt, int maxTokens,
        double temperature, double topP, @Nullable Long seed) {
    /**
     * One turn.
     *
     * @param role {@code system}, {@code developer}, {@code user} or {@code assistant}
     * @param content its text
     */
    public record Message(String role, String content) {}

    public ModelRequest {
        messages = List.copyOf(messages);
        if (messages.isEmpty() == (prompt == null)) {
            throw new IllegalArgumentException("either messages or a prompt");
        }
    }
}
