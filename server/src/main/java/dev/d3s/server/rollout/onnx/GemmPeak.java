package dev.d3s.server.rollout.onnx;

import java.lang.foreign.Arena;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Map;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;

/** One large matrix product on one thread: the arithmetic that ONNX Runtime reaches when nothing else is in its way. */
final class GemmPeak implements AutoCloseable {
    private static final int ROWS = 512;
    private static final int SIZE = 1024;
    private static final int REPEATS = 10;

    private final Arena arena = Arena.ofShared();
    private final OrtSession.SessionOptions options = new OrtSession.SessionOptions();
    private final OrtSession session;
    private final OnnxTensor matrix;
    private final OnnxTensor input;
    private final OnnxTensor output;

    GemmPeak() throws OrtException {
        OnnxGraph graph = new OnnxGraph("gemm");
        graph.input("x", OnnxGraph.ElementType.FLOAT, ROWS, SIZE);
        graph.input("w", OnnxGraph.ElementType.FLOAT, SIZE, SIZE);
        graph.add("", "Gemm", List.of("x", "w"), List.of("y"), OnnxGraph.with("transB", 0));
        graph.output("y", OnnxGraph.ElementType.FLOAT, ROWS, SIZE);
        options.setIntraOpNumThreads(1);
        session = OnnxRuntime.environment().createSession(graph.model(), options);
        matrix = tensor(SIZE);
        input = tensor(ROWS);
        output = tensor(ROWS);
    }

    private OnnxTensor tensor(int rows) throws OrtException {
        FloatBuffer values = arena.allocate((long) rows * SIZE * Float.BYTES, 64)
            .asByteBuffer()
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
        for (int i = 0; i < values.capacity(); i++) {
            values.put(i, i % 7 - 3f);
        }
        return OnnxTensor.createTensor(OnnxRuntime.environment(), values, new long[]{rows, SIZE});
    }

    /** Floating-point operations per second of a few runs, by processor time. */
    double measure() throws OrtException {
        double begin = RolloutBenchmark.processorSeconds();
        for (int i = 0; i < REPEATS; i++) {
            OnnxRuntime.call(() -> session.run(Map.of("x", input, "w", matrix), Map.of("y", output))).close();
        }
        return 2.0 * ROWS * SIZE * SIZE * REPEATS / (RolloutBenchmark.processorSeconds() - begin);
    }

    @Override
    public void close() throws OrtException {
        session.close();
        options.close();
        List.of(matrix, input, output).forEach(OnnxTensor::close);
        arena.close();
    }
}
