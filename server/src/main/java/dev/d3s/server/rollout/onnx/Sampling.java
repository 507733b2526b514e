package dev.d3s.server.rollout.onnx;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.SamplingSettings;

/**
 * The sampling settings of each row of a run, as tensors. Rows that are drawn from the whole distribution cost nothing
 * beyond that: only cut rows, and rows whose likeliest tokens are listed, are selected for more. Used by one thread at a
 * time; whoever made it closes it.
 */
final class Sampling implements AutoCloseable {
    private final int vocabulary;
    private final Arena arena = Arena.ofShared();
    private final FloatBuffer inverseTemperature;
    private final ByteBuffer greedy;
    private final LongBuffer selected;
    private final ByteBuffer cut;
    private final LongBuffer topK;
    private final FloatBuffer topP;
    private final FloatBuffer minP;
    private final LongBuffer sorted;
    private final LongBuffer listed;
    private final ByteBuffer selective;

    private final SamplingSettings[] settings;
    private final int[] wanted;

    /** The inputs of runs in which no row is selected, for each number of rows: made once. */
    private final @Nullable Inputs[] plain;

    /**
     * Tensors of one run; whoever asked for them closes them when the run is over.
     *
     * @param selected rows that are selected
     * @param listed likeliest tokens that the graph hands out for each of them
     */
    record Inputs(Map<String, OnnxTensor> tensors, int selected, int listed, boolean reused) implements AutoCloseable {
        @Override
        public void close() {
            if (!reused) {
                tensors.values().forEach(OnnxTensor::close);
            }
        }
    }

    /** @param rows most rows of a run, which all draw from the whole distribution at temperature 1 until they are set */
    Sampling(ModelConfig config, int rows) {
        vocabulary = config.vocabularySize();
        inverseTemperature = buffer(rows, Float.BYTES).asFloatBuffer();
        greedy = buffer(rows, 1);
        selected = buffer(rows, Long.BYTES).asLongBuffer();
        cut = buffer(rows, 1);
        topK = buffer(rows, Long.BYTES).asLongBuffer();
        topP = buffer(rows, Float.BYTES).asFloatBuffer();
        minP = buffer(rows, Float.BYTES).asFloatBuffer();
        sorted = buffer(1, Long.BYTES).asLongBuffer();
        listed = buffer(1, Long.BYTES).asLongBuffer();
        selective = buffer(1, 1);
        settings = new SamplingSettings[rows];
        wanted = new int[rows];
        plain = new @Nullable Inputs[rows + 1];
        fill(SamplingSettings.of(1, 1, 0));
    }

    /** All rows of one call with the same settings. */
    static Sampling of(ModelConfig config, SamplingSettings settings, int rows) {
        Sampling sampling = new Sampling(config, rows);
        sampling.fill(settings);
        return sampling;
    }

    void fill(SamplingSettings each) {
        for (int row = 0; row < settings.length; row++) {
            set(row, each, 0);
        }
    }

    /** @param likeliest how many of the likeliest tokens are listed beside the one that is drawn */
    void set(int row, SamplingSettings each, int likeliest) {
        settings[row] = each;
        wanted[row] = likeliest;
        boolean most = each.temperature() <= 0;
        inverseTemperature.put(row, most ? 1 : (float) (1 / each.temperature()));
        greedy.put(row, (byte) (most ? 1 : 0));
    }

    /** Cutting changes nothing about the most likely token. */
    private static boolean isCut(SamplingSettings each) {
        return !each.untruncated() && each.temperature() > 0;
    }

    /** The tensors of the first rows. */
    Inputs inputs(int rows) throws OrtException {
        int count = 0;
        int most = 0;
        int needed = 1;
        for (int row = 0; row < rows; row++) {
            SamplingSettings each = settings[row];
            boolean cutHere = isCut(each);
            if (!cutHere && wanted[row] == 0) {
                continue;
            }
            boolean limited = cutHere && each.topK() > 0;
            long kept = limited ? Math.min(each.topK(), vocabulary) : vocabulary;
            selected.put(count, row);
            cut.put(count, (byte) (cutHere ? 1 : 0));
            topK.put(count, kept);
            // At 1 nothing is cut, not even what rounding puts at the very end.
            topP.put(count, each.topP() >= 1 ? 2 : (float) Math.max(each.topP(), 1e-6));
            minP.put(count, (float) Math.clamp(each.minP(), 0, 1));
            most = Math.max(most, Math.min(wanted[row], vocabulary));
            if (cutHere) {
                needed = Math.max(needed, (int) Math.min(kept, limited ? vocabulary : SamplingGraph.SORTED));
            }
            count++;
        }
        selective.put(0, (byte) (count > 0 ? 1 : 0));
        Inputs reused = plain[rows];
        if (count == 0 && reused != null) {
            return reused;
        }
        int chosen = Math.max(1, count);
        sorted.put(0, Math.min(vocabulary, Math.max(needed, most)));
        listed.put(0, most);
        if (count == 0) {
            selected.put(0, 0);
        }
        Map<String, OnnxTensor> tensors = new LinkedHashMap<>();
        boolean complete = false;
        try {
            tensors.put("inverse_temperature", floats(inverseTemperature, rows, 1));
            tensors.put("greedy", flags(greedy, rows, 1));
            tensors.put("selective", flags(selective));
            tensors.put("selected", longs(selected, chosen));
            tensors.put("cut", flags(cut, chosen, 1));
            tensors.put("top_k", longs(topK, chosen, 1));
            tensors.put("top_p", floats(topP, chosen, 1));
            tensors.put("min_p", floats(minP, chosen, 1));
            tensors.put("sorted", longs(sorted, 1));
            tensors.put("listed", longs(listed, 1));
            complete = true;
        } finally {
            if (!complete) {
                tensors.values().forEach(OnnxTensor::close);
            }
        }
        Inputs inputs = new Inputs(tensors, count, most, count == 0);
        if (count == 0) {
            plain[rows] = inputs;
        }
        return inputs;
    }

    /** Rows that were selected in the last {@link #inputs}, in order. */
    int selected(int index) {
        return (int) selected.get(index);
    }

    /** How many likeliest tokens this row wants. */
    int wanted(int row) {
        return wanted[row];
    }

    private ByteBuffer buffer(int count, int bytes) {
        return arena.allocate((long) Math.max(1, count) * bytes, 64).asByteBuffer().order(ByteOrder.nativeOrder());
    }

    private static OnnxTensor floats(FloatBuffer values, long... shape) throws OrtException {
        return OnnxTensor.createTensor(OnnxRuntime.environment(), values.slice(0, size(shape)), shape);
    }

    private static OnnxTensor longs(LongBuffer values, long... shape) throws OrtException {
        return OnnxTensor.createTensor(OnnxRuntime.environment(), values.slice(0, size(shape)), shape);
    }

    private static OnnxTensor flags(ByteBuffer values, long... shape) throws OrtException {
        return OnnxTensor.createTensor(OnnxRuntime.environment(),
                values.slice(0, size(shape)).order(ByteOrder.nativeOrder()), shape, OnnxJavaType.BOOL);
    }

    private static int size(long... shape) {
        long size = 1;
        for (long dimension : shape) {
            size *= dimension;
        }
        return Math.toIntExact(size);
    }

    @Override
    public void close() {
        for (Inputs inputs : plain) {
            if (inputs != null) {
                inputs.tensors.values().forEach(OnnxTensor::close);
            }
        }
        arena.close();
    }
}
