package dev.d3s.server.rollout.onnx;

import java.util.List;

import dev.d3s.server.rollout.onnx.OnnxGraph.ElementType;

/**
 * The part of the graph that turns tempered logits z {@code [R, V]} into a token, its log-probability and the entropy of
 * the whole distribution.
 *
 * <p>
 * With x = z - max z, e = exp x and S = sum e: log-probability of v is x_v - log S, entropy is log S - (sum e x) / S, in
 * nats. A token is drawn by inverting the cumulative distribution in two levels with one uniform number u: the first
 * block of the vocabulary whose cumulative sum exceeds u S, then the first token inside that block; no pass over V beyond
 * the sums themselves. A token without mass is never drawn, whatever the rounding. The most likely token is found in the
 * block maxima that the maximum needs anyway; among equals the lowest id wins.
 */
final class SamplingGraph {
    /** What a padded vocabulary entry gets as logit: its exponential is 0, and 0 times it is not NaN. */
    private static final float PADDING = -1e9f;
    private static final int LARGE_VOCABULARY = 1 << 15;
    private static final int LOGARITHM_COPIES = 16;

    private SamplingGraph() {}

    /** Names of the head's inputs; the last three are empty unless the distribution is truncated. */
    record Inputs(String uniform, String target, String inverseTemperature, String greedy, String topK, String topP,
            String minP) {}

    static Inputs inputs(OnnxGraph graph, boolean truncated) {
        return new Inputs(graph.input("uniform", ElementType.FLOAT, "R", 1),
                graph.input("target", ElementType.INT64, "R", 1),
                graph.input("inverse_temperature", ElementType.FLOAT), graph.input("greedy", ElementType.BOOL),
                truncated ? graph.input("top_k", ElementType.INT64, 1) : "",
                truncated ? graph.input("top_p", ElementType.FLOAT) : "",
                truncated ? graph.input("min_p", ElementType.FLOAT) : "");
    }

    /** Tokens per block; the vocabulary is padded to a multiple with entries that have no mass. */
    static int blockSize(int vocabulary) {
        return vocabulary < LARGE_VOCABULARY ? 64 : 128;
    }

    /** Adds the outputs token, logprob and entropy. */
    static void add(OnnxGraph graph, String logits, int vocabulary, Inputs inputs) {
        int block = blockSize(vocabulary);
        int blocks = (vocabulary + block - 1) / block;
        String z = logits;
        if (blocks * block != vocabulary) {
            z = graph.node("Pad", List.of(logits, graph.integers(0, 0, 0, (long) blocks * block - vocabulary),
                    graph.real(PADDING)));
        }
        String blockShape = graph.integers(-1, blocks, block);
        String zBlocks = graph.node("Reshape", List.of(z, blockShape));
        String blockMaxima = graph.node("ReduceMax", List.of(zBlocks, graph.integers(2)),
                OnnxGraph.with("keepdims", 0));
        String maximum = graph.node("ReduceMax", List.of(blockMaxima, graph.integers(1)),
                OnnxGraph.with("keepdims", 1));
        String x = graph.node("Sub", List.of(z, maximum));
        String e = graph.node("Exp", List.of(x));
        String eBlocks = graph.node("Reshape", List.of(e, blockShape));
        String blockSums = graph.node("ReduceSum", List.of(eBlocks, graph.integers(2)), OnnxGraph.with("keepdims", 0));
        String sum = rowSum(graph, blockSums);
        String logSum = logarithm(graph, sum);

        String drawn = inputs.topK.isEmpty()
                ? inverted(graph, eBlocks, blockSums, block, blocks, inputs)
                : truncated(graph, x, inputs);
        String likeliest = likeliest(graph, zBlocks, blockMaxima, block);
        String generated = graph.node("Where", List.of(inputs.greedy, likeliest, drawn));
        String scored = graph.node("GreaterOrEqual", List.of(inputs.target, graph.integer(0)));
        String token = graph.node("Where", List.of(scored, inputs.target, generated));

        String logprob = graph.node("Sub",
                List.of(graph.node("GatherElements", List.of(x, token), OnnxGraph.with("axis", 1)), logSum));
        String moment = rowSum(graph, graph.node("Mul", List.of(e, x)));
        String entropy = graph.node("Sub", List.of(logSum, graph.node("Div", List.of(moment, sum))));
        String flat = graph.integers(-1);
        graph.output(graph.node("Reshape", List.of(token, flat)), "token", ElementType.INT64, "R");
        graph.output(graph.node("Reshape", List.of(logprob, flat)), "logprob", ElementType.FLOAT, "R");
        graph.output(graph.node("Reshape", List.of(entropy, flat)), "entropy", ElementType.FLOAT, "R");
    }

    private static String inverted(OnnxGraph graph, String eBlocks, String blockSums, int block, int blocks,
            Inputs inputs) {
        String cumulative = cumulativeSum(graph, blockSums);
        String total = graph.node("Gather", List.of(cumulative, graph.integers(blocks - 1)),
                OnnxGraph.with("axis", 1));
        // u <= 1 - 2^-24, so u * total < total even after rounding: a block is always found.
        String threshold = graph.node("Mul", List.of(inputs.uniform, total));
        String chosen = count(graph, graph.node("LessOrEqual", List.of(cumulative, threshold)));
        String before = graph.node("Sub",
                List.of(graph.node("GatherElements", List.of(cumulative, chosen), OnnxGraph.with("axis", 1)),
                        graph.node("GatherElements", List.of(blockSums, chosen), OnnxGraph.with("axis", 1))));
        String rest = graph.node("Max",
                List.of(graph.node("Sub", List.of(threshold, before)), graph.real(0)));
        String row = graph.node("GatherND", List.of(eBlocks, chosen), OnnxGraph.with("batch_dims", 1));
        String inside = firstAbove(graph, row, rest, graph.integers(block - 1));
        return graph.node("Add", List.of(graph.node("Mul", List.of(chosen, graph.integer(block))), inside));
    }

    /**
     * Top-k, then top-p among those renormalised, then min-p, as the field orders them. The k largest are sorted, the
     * distribution cut to them is inverted with the same one uniform number.
     */
    private static String truncated(OnnxGraph graph, String x, Inputs inputs) {
        List<String> largest = graph.nodes("", "TopK", 2, List.of(x, inputs.topK), OnnxGraph.with("axis", 1),
                OnnxGraph.with("largest", 1), OnnxGraph.with("sorted", 1));
        String mass = graph.node("Exp", List.of(largest.getFirst()));
        String before = graph.node("CumSum", List.of(mass, graph.integer(1)), OnnxGraph.with("exclusive", 1));
        String reach = graph.node("Mul", List.of(inputs.topP, rowSum(graph, mass)));
        // The first token is always kept: before is 0 there, and x is relative to the largest, so its mass is 1.
        String inTopP = graph.node("Less", List.of(before, reach));
        String inMinP = graph.node("GreaterOrEqual", List.of(mass, inputs.minP));
        String kept = graph.node("Where",
                List.of(graph.node("And", List.of(inTopP, inMinP)), mass, graph.real(0)));
        String threshold = graph.node("Mul", List.of(inputs.uniform, rowSum(graph, kept)));
        String last = graph.node("Sub", List.of(inputs.topK, graph.integers(1)));
        String index = firstAbove(graph, kept, threshold, last);
        return graph.node("GatherElements", List.of(largest.getLast(), index), OnnxGraph.with("axis", 1));
    }

    /** Index of the first entry at which the running sum exceeds the threshold; never one behind the last mass. */
    private static String firstAbove(OnnxGraph graph, String mass, String threshold, String last) {
        String cumulative = cumulativeSum(graph, mass);
        String total = graph.node("Gather", List.of(cumulative, last), OnnxGraph.with("axis", 1));
        return count(graph, graph.node("And", List.of(graph.node("LessOrEqual", List.of(cumulative, threshold)),
                graph.node("Less", List.of(cumulative, total)))));
    }

    private static String likeliest(OnnxGraph graph, String zBlocks, String blockMaxima, int block) {
        String chosen = graph.node("ArgMax", List.of(blockMaxima), OnnxGraph.with("axis", 1),
                OnnxGraph.with("keepdims", 1));
        String row = graph.node("GatherND", List.of(zBlocks, chosen), OnnxGraph.with("batch_dims", 1));
        String inside = graph.node("ArgMax", List.of(row), OnnxGraph.with("axis", 1), OnnxGraph.with("keepdims", 1));
        return graph.node("Add", List.of(graph.node("Mul", List.of(chosen, graph.integer(block))), inside));
    }

    private static String cumulativeSum(OnnxGraph graph, String value) {
        return graph.node("CumSum", List.of(value, graph.integer(1)));
    }

    private static String rowSum(OnnxGraph graph, String value) {
        return graph.node("ReduceSum", List.of(value, graph.integers(1)), OnnxGraph.with("keepdims", 1));
    }

    /**
     * ONNX Runtime takes logarithms in vectors and what is left over one by one, with other last bits. Sixteen copies of
     * each value leave nothing over, so that a row's logarithm does not depend on how many rows there are.
     */
    private static String logarithm(OnnxGraph graph, String value) {
        String copies = graph.node("Gather", List.of(value, graph.integers(new long[LOGARITHM_COPIES])),
                OnnxGraph.with("axis", 1));
        return graph.node("Gather", List.of(graph.node("Log", List.of(copies)), graph.integers(0)),
                OnnxGraph.with("axis", 1));
    }

    private static String count(OnnxGraph graph, String condition) {
        return rowSum(graph, graph.node("Cast", List.of(condition), OnnxGraph.with("to", 7)));
    }
}
