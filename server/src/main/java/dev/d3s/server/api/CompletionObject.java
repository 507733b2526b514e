package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.api.CompletionEndpoint.Finish;
import dev.d3s.server.api.CompletionEndpoint.Piece;

/** {@code text_completion}: an answer, or one chunk of a streamed one. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "Completion")
record CompletionObject(String id, String object, long created, String model, List<Choice> choices,
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
    record Logprobs(List<String> tokens, List<Double> tokenLogprobs, List<Map<String, Double>> topLogprobs,
            List<Integer> textOffset) {
        /** @param offset characters before the piece */
        static Logprobs of(Piece piece, int offset) {
            List<Double> values = new ArrayList<>();
            List<Map<String, Double>> top = new ArrayList<>();
            List<Integer> offsets = new ArrayList<>();
            int position = offset;
            for (int token = 0; token < piece.tokens().length; token++) {
                double logprob = piece.logprobs()[token];
                values.add(logprob);
                top.add(Map.of(piece.tokenTexts().get(token), logprob));
                offsets.add(position);
                position += piece.tokenTexts().get(token).length();
            }
            return new Logprobs(piece.tokenTexts(), values, top, offsets);
        }
    }

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "CompletionUsage")
    record Usage(int promptTokens, int completionTokens, int totalTokens) {}

    static String word(Finish finish) {
        return finish.name().toLowerCase(Locale.ROOT);
    }

    static List<Integer> ids(int[] tokens) {
        return Arrays.stream(tokens).boxed().toList();
    }
}
