package dev.d3s.server.rollout.onnx;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.SamplingSettings;

/** The sampling settings of one call as tensors; whoever made it closes it. */
final class Sampling implements AutoCloseable {
    private final Arena arena = Arena.ofConfined();
    private final Map<String, OnnxTensor> inputs = new LinkedHashMap<>();

    Sampling(SamplingSettings settings, ModelConfig config) throws OrtException {
        boolean greedy = settings.temperature() <= 0;
        boolean complete = false;
        try {
            ByteBuffer inverse = buffer(Float.BYTES);
            inverse.asFloatBuffer().put(0, greedy ? 1 : (float) (1 / settings.temperature()));
            put("inverse_temperature", inverse, OnnxJavaType.FLOAT);
            put("greedy", buffer(1).put(0, (byte) (greedy ? 1 : 0)), OnnxJavaType.BOOL);
            if (head(settings) == Head.TRUNCATED) {
                long kept = settings.topK() > 0 ? settings.topK() : config.vocabularySize();
                ByteBuffer topK = buffer(Long.BYTES);
                topK.asLongBuffer().put(0, Math.min(kept, config.vocabularySize()));
                put("top_k", topK, OnnxJavaType.INT64, 1);
                ByteBuffer topP = buffer(Float.BYTES);
                // At 1 nothing is cut, not even what rounding puts at the very end.
                topP.asFloatBuffer().put(0, settings.topP() >= 1 ? 2 : (float) Math.max(settings.topP(), 1e-6));
                put("top_p", topP, OnnxJavaType.FLOAT);
                ByteBuffer minP = buffer(Float.BYTES);
                minP.asFloatBuffer().put(0, (float) Math.clamp(settings.minP(), 0, 1));
                put("min_p", minP, OnnxJavaType.FLOAT);
            }
            complete = true;
        } finally {
            if (!complete) {
                close();
            }
        }
    }

    /** The head that these settings need: cutting changes nothing about the most likely token. */
    static Head head(SamplingSettings settings) {
        return settings.untruncated() || settings.temperature() <= 0 ? Head.SAMPLING : Head.TRUNCATED;
    }

    Map<String, OnnxTensor> inputs() {
        return inputs;
    }

    private ByteBuffer buffer(long bytes) {
        return arena.allocate(bytes, 64).asByteBuffer().order(ByteOrder.nativeOrder());
    }

    private void put(String name, ByteBuffer value, OnnxJavaType type, long... shape) throws OrtException {
        inputs.put(name, OnnxTensor.createTensor(OnnxRuntime.environment(), value, shape, type));
    }

    @Override
    public void close() {
        inputs.values().forEach(OnnxTensor::close);
        arena.close();
    }
}
