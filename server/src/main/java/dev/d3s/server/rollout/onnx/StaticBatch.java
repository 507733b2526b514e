package dev.d3s.server.rollout.onnx;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;

/**
 * What the benchmark compares the engine with: the same graph and buffers, but a batch that runs until its longest
 * completion ends; on request with the logits head and sampling in Java, and with a cache that leaves each run as new
 * tensors and enters the next, as in the usual decode loop. One thread; closed by the benchmark.
 */
final class StaticBatch implements AutoCloseable {
    private final ModelConfig config;
    private final int rows;
    private final KeyValueBuffers cache;
    private final Arena arena = Arena.ofShared();
    private final LongBuffer token;
    private final LongBuffer gather;
    private final LongBuffer target;
    private final IntBuffer last;
    private final IntBuffer total;
    private final FloatBuffer uniform;
    private final FloatBuffer logprob;
    private final FloatBuffer entropy;
    private final FloatBuffer logits;
    private final float[] row;
    private final float[] mass;

    StaticBatch(ModelConfig config, int rows, int positions) {
        this.config = config;
        this.rows = rows;
        cache = new KeyValueBuffers(config, rows, positions);
        token = bytes(rows * (long) Long.BYTES).asLongBuffer();
        gather = bytes(rows * (long) Long.BYTES).asLongBuffer();
        target = bytes(rows * (long) Long.BYTES).asLongBuffer();
        last = bytes(rows * (long) Integer.BYTES).asIntBuffer();
        total = bytes(Integer.BYTES).asIntBuffer();
        uniform = bytes(rows * (long) Float.BYTES).asFloatBuffer();
        logprob = bytes(rows * (long) Float.BYTES).asFloatBuffer();
        entropy = bytes(rows * (long) Float.BYTES).asFloatBuffer();
        logits = bytes((long) rows * config.vocabularySize() * Float.BYTES).asFloatBuffer();
        row = new float[config.vocabularySize()];
        mass = new float[config.vocabularySize()];
        for (int i = 0; i < rows; i++) {
            target.put(i, -1);
        }
    }

    /**
     * Generates {@code tokens} tokens in every row, at temperature 1.
     *
     * @param handOver whether keys and values are handed from run to run instead of staying in one buffer
     */
    void run(OrtSession session, Head head, boolean handOver, int[][] prompts, int tokens) throws OrtException {
        int width = 0;
        for (int[] prompt : prompts) {
            width = Math.max(width, prompt.length);
        }
        LongBuffer ids = bytes((long) rows * width * Long.BYTES).asLongBuffer();
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < prompts[i].length; j++) {
                ids.put(i * width + j, prompts[i][j]);
            }
            last.put(i, prompts[i].length - 1);
            gather.put(i, (long) i * width + prompts[i].length - 1);
        }
        total.put(0, width);
        List<OnnxTensor> tensors = new ArrayList<>();
        Set<String> present = new LinkedHashSet<>();
        OrtSession.@Nullable Result previous = null;
        try (Sampling sampling = Sampling.of(config, SamplingSettings.of(tokens, 1, 0), rows);
                Sampling.Inputs settings = sampling.inputs(rows)) {
            Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
            Map<String, OnnxTensor> outputs = new LinkedHashMap<>();
            List<OnnxTensor> buffers = cache.tensors(0, rows);
            tensors.addAll(buffers);
            for (int i = 0; i < buffers.size(); i++) {
                String name = cache.names().get(i);
                if (handOver) {
                    inputs.put("past." + name, kept(tensors, tensor(bytes(1).asFloatBuffer(), rows,
                            config.keyValueHeads(), 0, config.headDim())));
                    present.add("present." + name);
                } else {
                    inputs.put("past." + name, buffers.get(i));
                    outputs.put("present." + name, buffers.get(i));
                }
            }
            inputs.put("input_ids", kept(tensors, tensor(ids, rows, width)));
            inputs.put("seqlens_k", kept(tensors, OnnxTensor.createTensor(OnnxRuntime.environment(), last,
                    new long[]{rows})));
            inputs.put("total_length", kept(tensors, OnnxTensor.createTensor(OnnxRuntime.environment(), total,
                    new long[0])));
            inputs.put("gather_idx", kept(tensors, tensor(gather, rows)));
            if (head == Head.LOGITS) {
                outputs.put("logits", kept(tensors, tensor(logits, rows, config.vocabularySize())));
            } else {
                inputs.putAll(settings.tensors());
                inputs.put("target", kept(tensors, tensor(target, rows, 1)));
                inputs.put("uniform", kept(tensors, tensor(uniform, rows, 1)));
                outputs.put("token", kept(tensors, tensor(token, rows)));
                outputs.put("logprob", kept(tensors, tensor(logprob, rows)));
                outputs.put("entropy", kept(tensors, tensor(entropy, rows)));
            }
            OnnxTensor next = kept(tensors, tensor(token, rows, 1));
            for (int t = 0; t < tokens; t++) {
                for (int i = 0; i < rows; i++) {
                    uniform.put(i, RolloutIdentity.uniform(0, i, t));
                }
                OrtSession.Result result = OnnxRuntime.call(() -> handOver
                        ? session.run(inputs, present, outputs)
                        : session.run(inputs, outputs));
                if (previous != null) {
                    previous.close();
                }
                previous = result;
                if (handOver) {
                    for (String name : cache.names()) {
                        inputs.put("past." + name, (OnnxTensor) result.get("present." + name).orElseThrow());
                    }
                }
                if (head == Head.LOGITS) {
                    for (int i = 0; i < rows; i++) {
                        sample(i);
                    }
                }
                inputs.put("input_ids", next);
                int longest = 0;
                for (int i = 0; i < rows; i++) {
                    gather.put(i, i);
                    last.put(i, last.get(i) + 1);
                    longest = Math.max(longest, last.get(i));
                }
                total.put(0, longest + 1);
            }
        } finally {
            if (previous != null) {
                previous.close();
            }
            tensors.forEach(OnnxTensor::close);
        }
    }

    /** What the sampling head does, in Java: token, log-probability and entropy of one row. */
    private void sample(int index) {
        logits.get(index * row.length, row);
        float maximum = Float.NEGATIVE_INFINITY;
        for (float logit : row) {
            maximum = Math.max(maximum, logit);
        }
        double sum = 0;
        double moment = 0;
        for (int v = 0; v < row.length; v++) {
            float x = row[v] - maximum;
            mass[v] = (float) Math.exp(x);
            sum += mass[v];
            moment += mass[v] * x;
        }
        double threshold = uniform.get(index) * sum;
        double cumulative = mass[0];
        int drawn = 0;
        while (cumulative <= threshold && drawn < row.length - 1) {
            cumulative += mass[++drawn];
        }
        token.put(index, drawn);
        logprob.put(index, (float) (row[drawn] - maximum - Math.log(sum)));
        entropy.put(index, (float) (Math.log(sum) - moment / sum));
    }

    private ByteBuffer bytes(long count) {
        return arena.allocate(count, 64).asByteBuffer().order(ByteOrder.nativeOrder());
    }

    private static OnnxTensor kept(List<OnnxTensor> tensors, OnnxTensor tensor) {
        tensors.add(tensor);
        return tensor;
    }

    private static OnnxTensor tensor(LongBuffer values, long... shape) throws OrtException {
        return OnnxTensor.createTensor(OnnxRuntime.environment(), values, shape);
    }

    private static OnnxTensor tensor(FloatBuffer values, long... shape) throws OrtException {
        return OnnxTensor.createTensor(OnnxRuntime.environment(), values, shape);
    }

    @Override
    public void close() {
        cache.close();
        arena.close();
    }
}
