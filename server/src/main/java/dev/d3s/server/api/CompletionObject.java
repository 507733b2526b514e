package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.rollout.CompletionResult.Piece;
import dev.d3s.server.rollout.CompletionResult.Top;
import dev.d3s.server.rollout.FinishReason;

/** {@code text_completion}: an answer, or one chunk of a streamed one. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "Completion")
record CompletionObject(String id, String object, long created, String model,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String systemFingerprint, List<Choice> choices,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Usage usage) {

    /**
     * @param finishReason {@code null} in all but a completion's last chunk
     * @param tokenIds with {@code return_token_ids}
     */
    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "CompletionChoice")
    record Choice(String text, int index, @Nullable Logprobs logprobs, @Nullable String finishReason,
            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable List<Integer> tokenIds,
            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable List<Integer> promptTokenIds) {}

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "CompletionLogprobs")
    record Logprobs(List<String> tokens, List<@Nullable Double> tokenLogprobs,
            List<@Nullable Map<String, Double>> topLogprobs, List<Integer> textOffset) {
        /** @param offset characters before the first piece */
        static Logprobs of(int offset, Piece... pieces) {
            List<String> tokens = new ArrayList<>();
            List<@Nullable Double> values = new ArrayList<>();
            List<@Nullable Map<String, Double>> top = new ArrayList<>();
            List<Integer> offsets = new ArrayList<>();
            int position = offset;
            for (Piece piece : pieces) {
                for (int token = 0; token < piece.tokens().length; token++) {
                    String text = piece.pieces().get(token);
                    float logprob = piece.logprobs()[token];
                    tokens.add(text);
                    // The first token of a prompt has none.
                    values.add(Float.isNaN(logprob) ? null : (Double) (double) logprob);
                    top.add(Float.isNaN(logprob) ? null : likeliest(text, logprob, piece, token));
                    offsets.add(position);
                    position += text.length();
                }
            }
            return new Logprobs(tokens, values, top, offsets);
        }

        /** The likeliest tokens and the one that is there; of several with the same text, the likeliest. */
        private static Map<String, Double> likeliest(String text, double logprob, Piece piece, int token) {
            Map<String, Double> all = new LinkedHashMap<>();
            Top top = piece.top().isEmpty() ? Top.NONE : piece.top().get(token);
            for (int i = 0; i < top.tokens().length; i++) {
                all.putIfAbsent(top.texts().get(i), (double) top.logprobs()[i]);
            }
            if (Arrays.stream(top.tokens()).noneMatch(id -> id == piece.tokens()[token])) {
                all.putIfAbsent(text, logprob);
            }
            return all;
        }
    }

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "CompletionUsage")
    record Usage(int promptTokens, int completionTokens, int totalTokens) {
        static Usage of(dev.d3s.server.rollout.CompletionResult.Usage usage) {
            return new Usage(usage.promptTokens(), usage.completionTokens(), usage.totalTokens());
        }
    }

    static String word(FinishReason reason) {
        return switch (reason) {
            case STOP, CANCELLED -> "stop";
            case LENGTH -> FinishReason.LENGTH.name().toLowerCase(Locale.ROOT);
        };
    }

    static List<Integer> ids(int[] tokens) {
        return Arrays.stream(tokens).boxed().toList();
    }
}
