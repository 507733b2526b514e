package dev.d3s.server.api;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.api.CompletionObject.Usage;
import dev.d3s.server.rollout.CompletionResult.Piece;
import dev.d3s.server.rollout.CompletionResult.Top;

/** {@code chat.completion}, or {@code chat.completion.chunk} of a streamed one. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "ChatCompletion")
record ChatObject(String id, String object, long created, String model,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String systemFingerprint, List<Choice> choices,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Usage usage) {

    /**
     * @param message in a whole answer
     * @param delta in a chunk
     */
    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "ChatChoice")
    record Choice(int index, @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Message message,
            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Delta delta, @Nullable Logprobs logprobs,
            @Nullable String finishReason,
            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable List<Integer> tokenIds,
            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable List<Integer> promptTokenIds) {}

    /** @param content {@code null} when there are only calls */
    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "ChatMessage")
    record Message(String role, @Nullable String content, @Nullable String refusal,
            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable List<Call> toolCalls) {}

    @JsonNaming(SnakeCaseStrategy.class)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @Schema(name = "ChatDelta")
    record Delta(@Nullable String role, @Nullable String content, @Nullable List<Call> toolCalls) {}

    /** @param index in chunks */
    @Schema(name = "ChatToolCall")
    record Call(@JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Integer index, String id, String type,
            Function function) {
        @Schema(name = "ChatToolFunction")
        record Function(String name, String arguments) {}

        static List<Call> of(List<ToolCalls.Call> calls, boolean numbered) {
            List<Call> all = new ArrayList<>();
            for (ToolCalls.Call call : calls) {
                all.add(new Call(numbered ? all.size() : null,
                        "call_" + UUID.randomUUID().toString().replace("-", "").substring(0, 24), "function",
                        new Function(call.name(), call.arguments())));
            }
            return all;
        }
    }

    @Schema(name = "ChatLogprobs")
    record Logprobs(List<Token> content, @Nullable List<Token> refusal) {
        static Logprobs of(Piece piece) {
            List<Token> tokens = new ArrayList<>();
            for (int i = 0; i < piece.tokens().length; i++) {
                List<Token.Alternative> alternatives = new ArrayList<>();
                Top top = piece.top().isEmpty() ? Top.NONE : piece.top().get(i);
                for (int j = 0; j < top.tokens().length; j++) {
                    alternatives.add(new Token.Alternative(top.texts().get(j), top.logprobs()[j],
                            bytes(top.texts().get(j))));
                }
                String text = piece.pieces().get(i);
                tokens.add(new Token(text, piece.logprobs()[i], bytes(text), alternatives));
            }
            return new Logprobs(tokens, null);
        }

        private static List<Integer> bytes(String text) {
            List<Integer> bytes = new ArrayList<>();
            for (byte each : text.getBytes(StandardCharsets.UTF_8)) {
                bytes.add(each & 0xFF);
            }
            return bytes;
        }
    }

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "ChatTokenLogprob")
    record Token(String token, double logprob, List<Integer> bytes, List<Alternative> topLogprobs) {
        @Schema(name = "ChatTopLogprob")
        record Alternative(String token, double logprob, List<Integer> bytes) {}
    }
}
