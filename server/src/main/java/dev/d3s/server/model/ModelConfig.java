package dev.d3s.server.model;

import java.util.List;

/**
 * The numbers of a decoder-only transformer, as {@code config.json} gives them.
 *
 * @param architecture its family
 * @param vocabularySize V, rows of the embedding
 * @param hiddenSize width of the residual stream
 * @param layers decoder layers
 * @param heads query heads
 * @param keyValueHeads key/value heads, a divisor of {@code heads}
 * @param headDim width of one head
 * @param intermediateSize width of the SwiGLU MLP
 * @param contextLength prompt and completion tokens together: {@code max_position_embeddings}, or {@code sliding_window} where that is
 *        smaller: up to there both are full attention
 * @param rotary how positions enter attention
 * @param rmsNormEpsilon added to the mean square
 * @param queryKeyValueBias whether the query, key and value projections have biases
 * @param queryKeyNorm whether each query and key head is normalised (RMSNorm over its width) before it is turned
 * @param tiedEmbeddings whether the lm_head is the embedding
 * @param endOfSequenceTokens ids that end a completion, at least one
 */
public record ModelConfig(Architecture architecture, int vocabularySize, int hiddenSize, int layers, int heads,
        int keyValueHeads, int headDim, int intermediateSize, int contextLength, RotaryEmbedding rotary,
        double rmsNormEpsilon, boolean queryKeyValueBias, boolean queryKeyNorm, boolean tiedEmbeddings,
        List<Integer> endOfSequenceTokens) {
    public ModelConfig {
        endOfSequenceTokens = List.copyOf(endOfSequenceTokens);
    }

    /** A Qwen2 model. */
    public static ModelConfig qwen2(int vocabularySize, int hiddenSize, int layers, int heads, int keyValueHeads,
            int headDim, int intermediateSize, int contextLength, double ropeTheta, double rmsNormEpsilon,
            boolean tiedEmbeddings, List<Integer> endOfSequenceTokens) {
        return new ModelConfig(Architecture.QWEN2, vocabularySize, hiddenSize, layers, heads, keyValueHeads, headDim,
                intermediateSize, contextLength, RotaryEmbedding.of(ropeTheta), rmsNormEpsilon, true, false,
                tiedEmbeddings, endOfSequenceTokens);
    }

    /** Rows of the packed query, key and value projection: {@code (heads + 2 * keyValueHeads) * headDim}. */
    public int packedProjectionSize() {
        return (heads + 2 * keyValueHeads) * headDim;
    }

    /** Weights of all layers' linear maps, with each of which a token is multiplied and added once. */
    public long decoderWeights() {
        long attention = (long) hiddenSize * (packedProjectionSize() + heads * headDim);
        return layers * (attention + 3L * hiddenSize * intermediateSize);
    }

    /** Whether this token ends a completion. */
    public boolean endsSequence(int token) {
        return endOfSequenceTokens.contains(token);
    }
}
