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

    /** The most of a row's likeliest tokens that are sorted before the whole row has to be. */
    static final int SORTED = 1024;

    /**
     * Names of the head's inputs: settings of each row, and what is wanted of a few rows beyond that.
     *
     * @param selective scalar: whether anything is; if not, the inputs that follow are not looked at
     * @param selected {@code [Q]} the rows
     * @param cut {@code [Q, 1]} whether the row is drawn from a distribution cut by the next three
     * @param topK {@code [Q, 1]} at least 1; V or more for no limit
     * @param sorted {@code [1]} how many of the likeliest tokens are sorted: at least {@code listed} and every limited topK
     * @param listed {@code [1]} how many of them are handed out
     */
    record Inputs(String uniform, String target, String inverseTemperature, String greedy, String selective,
            String selected, String cut, String topK, String topP, String minP, String sorted, String listed) {}

    static Inputs inputs(OnnxGraph graph) {
        return new Inputs(graph.input("uniform", ElementType.FLOAT, "R", 1),
                graph.input("target", ElementType.INT64, "R", 1),
                graph.input("inverse_temperature", ElementType.FLOAT, "R", 1),
                graph.input("greedy", ElementType.BOOL, "R", 1), graph.input("selective", ElementType.BOOL),
                graph.input("selected", ElementType.INT64, "Q"), graph.input("cut", ElementType.BOOL, "Q", 1),
                graph.input("top_k", ElementType.INT64, "Q", 1), graph.input("top_p", ElementType.FLOAT, "Q", 1),
                graph.input("min_p", ElementType.FLOAT, "Q", 1), graph.input("sorted", ElementType.INT64, 1),
                graph.input("listed", ElementType.INT64, 1));
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

        String whole = inverted(graph, eBlocks, blockSums, block, blocks, inputs);
        List<String> selective = graph.choose(inputs.selective,
                List.of(ElementType.INT64, ElementType.INT64, ElementType.FLOAT),
                () -> new Selected(graph, x, e, sum, logSum, whole, vocabulary, inputs).values(),
                () -> List.of(whole, nothing(graph, ElementType.INT64), nothing(graph, ElementType.FLOAT)));
        String drawn = selective.getFirst();
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
        graph.output(selective.get(1), "top_token", ElementType.INT64, "Q", "L");
        graph.output(selective.get(2), "top_logprob", ElementType.FLOAT, "Q", "L");
    }

    /** Values {@code [0, 0]}. */
    private static String nothing(OnnxGraph graph, ElementType type) {
        String empty = graph.node("ConstantOfShape", List.of(graph.integers(0, 0)));
        return type == ElementType.INT64 ? graph.node("Cast", List.of(empty), OnnxGraph.with("to", 7)) : empty;
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
     * The rows that are drawn from a cut distribution or whose likeliest tokens are listed: the branch that is computed for
     * them alone. Top-k, then top-p among those renormalised, then min-p, as the field orders them. Only the likeliest
     * tokens are sorted, unless a row's cut lies behind them; a token drawn is the same either way, because sums run from
     * the likeliest token on.
     */
    private static final class Selected {
        private final OnnxGraph graph;
        private final Inputs inputs;
        private final String whole;
        private final String x;
        private final String e;
        private final String sum;
        private final String logSum;
        private final String uniform;
        private final int vocabulary;

        Selected(OnnxGraph graph, String x, String e, String sum, String logSum, String whole, int vocabulary,
                Inputs inputs) {
            this.graph = graph;
            this.inputs = inputs;
            this.vocabulary = vocabulary;
            this.whole = whole;
            this.x = row(x);
            this.e = row(e);
            this.sum = row(sum);
            this.logSum = row(logSum);
            this.uniform = row(inputs.uniform);
        }

        private String row(String value) {
            return graph.node("Gather", List.of(value, inputs.selected), OnnxGraph.with("axis", 0));
        }

        /** Tokens {@code [R, 1]}, listed tokens {@code [Q, L]} and their log-probabilities. */
        List<String> values() {
            List<String> largest = largest(inputs.sorted);
            Draw draw = draw(largest, inputs.sorted);
            String settled = graph.node("Cast",
                    List.of(graph.node("ReduceMin",
                            List.of(graph.node("Cast",
                                    List.of(graph.node("Or",
                                            List.of(draw.settled, graph.node("Not", List.of(inputs.cut))))),
                                    OnnxGraph.with("to", 7))),
                            OnnxGraph.with("keepdims", 0))),
                    OnnxGraph.with("to", 9));
            String token = graph.choose(settled, List.of(ElementType.INT64), () -> List.of(draw.token), () -> {
                String all = graph.integers(vocabulary);
                return List.of(draw(largest(all), all).token);
            }).getFirst();
            String chosen = graph.node("Where", List.of(inputs.cut, token, row(whole)));
            String rows = graph.node("Reshape", List.of(inputs.selected, graph.integers(-1, 1)));
            String drawn = graph.node("ScatterElements", List.of(whole, rows, chosen), OnnxGraph.with("axis", 0));
            String logprobs = graph.node("Sub", List.of(largest.getFirst(), logSum));
            return List.of(drawn, listed(largest.getLast()), listed(logprobs));
        }

        private List<String> largest(String count) {
            return graph.nodes("", "TopK", 2, List.of(x, count), OnnxGraph.with("axis", 1),
                    OnnxGraph.with("largest", 1), OnnxGraph.with("sorted", 1));
        }

        private String listed(String value) {
            return graph.node("Slice", List.of(value, graph.integers(0), inputs.listed, graph.integers(1)));
        }

        /** @param settled {@code [Q, 1]} whether no token behind the sorted ones can be kept */
        private record Draw(String token, String settled) {}

        private Draw draw(List<String> largest, String count) {
            String last = graph.node("Sub", List.of(count, graph.integers(1)));
            String rank = graph.node("Range",
                    List.of(graph.integer(0), graph.node("Squeeze", List.of(count)), graph.integer(1)));
            String mass = graph.node("Where",
                    List.of(graph.node("Less", List.of(rank, inputs.topK)),
                            graph.node("GatherElements", List.of(e, largest.getLast()), OnnxGraph.with("axis", 1)),
                            graph.real(0)));
            String cumulative = cumulativeSum(graph, mass);
            String sorted = graph.node("Gather", List.of(cumulative, last), OnnxGraph.with("axis", 1));
            String limited = graph.node("LessOrEqual", List.of(inputs.topK, count));
            String total = graph.node("Where", List.of(limited, sorted, sum));
            String reach = graph.node("Mul", List.of(inputs.topP, total));
            String before = graph.node("CumSum", List.of(mass, graph.integer(1)), OnnxGraph.with("exclusive", 1));
            // The first token is always kept: before is 0 there, and its mass is 1, because x is relative to it.
            String kept = graph.node("Where",
                    List.of(graph.node("And",
                            List.of(graph.node("Less", List.of(before, reach)),
                                    graph.node("GreaterOrEqual", List.of(mass, inputs.minP)))),
                            mass, graph.real(0)));
            String keptSum = graph.node("Gather", List.of(cumulativeSum(graph, kept), last), OnnxGraph.with("axis", 1));
            String index = firstAbove(graph, kept, graph.node("Mul", List.of(uniform, keptSum)), last);
            String token = graph.node("GatherElements", List.of(largest.getLast(), index), OnnxGraph.with("axis", 1));
            String least = graph.node("Gather", List.of(mass, last), OnnxGraph.with("axis", 1));
            String settled = graph.node("Or",
                    List.of(limited, graph.node("Or",
                            List.of(graph.node("GreaterOrEqual", List.of(sorted, reach)),
                                    graph.node("Less", List.of(least, inputs.minP))))));
            return new Draw(token, settled);
        }
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
