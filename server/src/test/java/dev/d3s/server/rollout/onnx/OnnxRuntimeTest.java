package dev.d3s.server.rollout.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.LongBuffer;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.d3s.spi.D3sException;

class OnnxRuntimeTest {
    /** Of a session of its own, as every job has: after a refusal a session's arena asks for as much again, and keeps books on it. */
    private static float[] zeros(byte[] model, long size) throws OrtException {
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions();
                OrtSession session = OnnxRuntime.environment().createSession(model, options);
                OnnxTensor shape = OnnxTensor.createTensor(OnnxRuntime.environment(), LongBuffer.wrap(new long[]{size}),
                        new long[]{1});
                OrtSession.Result result = OnnxRuntime.call(() -> session.run(Map.of("shape", shape)))) {
            return (float[]) result.get(0).getValue();
        }
    }

    @Test
    void shouldSayThatThereIsNotEnoughMemoryAndGoOn() throws OrtException {
        OnnxGraph graph = new OnnxGraph("zeros");
        graph.input("shape", OnnxGraph.ElementType.INT64, 1);
        graph.add("", "ConstantOfShape", List.of("shape"), List.of("zeros"));
        graph.output("zeros", OnnxGraph.ElementType.FLOAT, "size");
        byte[] model = graph.model();
        // more than a process can address
        OrtException refused = catchThrowableOfType(OrtException.class, () -> zeros(model, 1L << 46));
        assertThat(refused).isNotNull();
        assertThatThrownBy(() -> {
            throw OnnxRuntime.failure("generating", refused);
        }).isInstanceOfSatisfying(D3sException.class, e -> {
            assertThat(e.code()).isEqualTo("out_of_memory");
            assertThat(e.text()).contains("Not enough memory while generating", "281474976710656");
        });
        assertThat(zeros(model, 3)).containsExactly(0, 0, 0);
    }
}
