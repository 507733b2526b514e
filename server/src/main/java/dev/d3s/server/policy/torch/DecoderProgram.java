package dev.d3s.server.policy.torch;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import dev.d3s.natives.TorchScriptProgram;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.ParameterLayout.Part;
import dev.d3s.server.model.RotaryEmbedding;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.LoraTarget;
import dev.d3s.server.policy.Precision;

/**
 * {@code policy.torchscript} loaded for one model. Its methods take and return tensors only; a {@link Call} lays them out.
 * Usable from several workers at once, each with its own calls: libtorch interprets the program without a common lock.
 */
final class DecoderProgram {
    /** Rows of the first rotary tables. */
    private static final int FIRST_POSITIONS = 512;

    private final NDManager manager;
    private final PtSymbolBlock module;
    private final ModelConfig config;
    private RotaryEmbedding.Tables rotary;

    DecoderProgram(NDManager manager, ModelConfig config, TorchPolicySettings settings) {
        this.manager = manager;
        this.config = config;
        try {
            module = JniUtils.loadModule((PtNDManager) manager,
                    new ByteArrayInputStream(TorchScriptProgram.of("policy", constants(config, settings)).archive()),
                    false,
                    false);
        } catch (IOException e) {
            throw new UncheckedIOException("Reading from memory cannot fail", e);
        }
        rotary = config.rotary()
            .tables(config.headDim(), Math.min(FIRST_POSITIONS, config.contextLength()), Arena.ofAuto());
    }

    private static Map<String, String> constants(ModelConfig config, TorchPolicySettings settings) {
        Map<String, String> constants = new LinkedHashMap<>();
        modelConstants(config, constants);
        boolean bf16 = settings.precision() == Precision.BF16;
        constants.put("bf16", literal(bf16));
        constants.put("bf16_kernels", bf16 ? "ops.mkldnn._is_mkldnn_bf16_supported()" : literal(false));
        constants.put("checkpointing", literal(settings.activationCheckpointing() == ActivationCheckpointing.LAYER));
        trainingConstants(config, settings.lora(), constants);
        return constants;
    }

    private static void modelConstants(ModelConfig config, Map<String, String> constants) {
        constants.put("layers", String.valueOf(config.layers()));
        constants.put("heads", String.valueOf(config.heads()));
        constants.put("key_value_heads", String.valueOf(config.keyValueHeads()));
        constants.put("head_dim", String.valueOf(config.headDim()));
        constants.put("hidden_size", String.valueOf(config.hiddenSize()));
        constants.put("intermediate_size", String.valueOf(config.intermediateSize()));
        constants.put("rms_norm_epsilon", String.valueOf(config.rmsNormEpsilon()));
        constants.put("final_norm", String.valueOf(ParameterLayout.finalNorm(config)));
        constants.put("head", String.valueOf(ParameterLayout.head(config)));

        constants.put("has_query_key_value_bias", literal(config.queryKeyValueBias()));
        constants.put("query_key_norm", literal(config.queryKeyNorm()));
        constants.put("layer_parameters", String.valueOf(ParameterLayout.parts(config).size()));
        for (Part part : Part.values()) {
            // the program never looks at a part that its layers do not have
            int offset = part.in(config) ? ParameterLayout.index(config, 0, part) - 1 : 0;
            constants.put(part.name().toLowerCase(Locale.ROOT), String.valueOf(offset));
        }
    }

    /** Where trained tensors and adapters are. */
    private static void trainingConstants(ModelConfig config, @Nullable LoraSettings lora,
            Map<String, String> constants) {
        int parameters = ParameterLayout.of(config).size();
        int layerAdapters = lora == null ? 0 : 2 * lora.targets().size();
        constants.put("trains_model", literal(lora == null));
        constants.put("first_trained", String.valueOf(lora == null ? 0 : parameters));
        constants.put("layer_start", String.valueOf(lora == null ? 1 : 0));
        constants.put("layer_trained",
                String.valueOf(lora == null ? ParameterLayout.parts(config).size() : layerAdapters));
        constants.put("adapters", String.valueOf(parameters));
        constants.put("layer_adapters", String.valueOf(layerAdapters));
        constants.put("scaling", String.valueOf(lora == null ? 1.0 : lora.scaling()));
        for (Part part : List.of(Part.QUERY_KEY_VALUE, Part.ATTENTION_OUTPUT, Part.GATE_UP, Part.DOWN)) {
            List<Integer> spans = new ArrayList<>();
            List<LoraTarget> targets = lora == null ? List.of() : lora.targets();
            for (int index = 0; index < targets.size(); index++) {
                LoraTarget target = targets.get(index);
                if (target.part() == part) {
                    spans.addAll(List.of(2 * index, target.firstRow(config), target.rows(config)));
                }
            }
            constants.put(part.name().toLowerCase(Locale.ROOT) + "_spans",
                    spans.isEmpty() ? "annotate(List[int], [])" : spans.toString());
        }
    }

    private static String literal(boolean value) {
        return value ? "True" : "False";
    }

    /** Tables of at least this many positions. Grown as longer sequences come: most runs stay far below the model's context. */
    private synchronized RotaryEmbedding.Tables rotary(int positions) {
        if (positions > rotary.positions()) {
            int rows = (int) Math.max(positions, Math.min(2L * rotary.positions(), config.contextLength()));
            // the old ones are freed once no call of another worker holds them
            rotary = config.rotary().tables(config.headDim(), rows, Arena.ofAuto());
        }
        return rotary;
    }

    /** A call of one of the program's methods; closing it frees what was laid out for it. */
    Call call(String method) {
        return new Call(method);
    }

    /** Arguments in the order of the program's text, then {@link #run}. For one thread. */
    final class Call implements AutoCloseable {
        // memory of a call is given back at once, not when the garbage collector finds its buffers
        private final Arena arena = Arena.ofConfined();
        private final NDManager scope = manager.newSubManager();
        private final NDList arguments = new NDList();

        private Call(String method) {
            // results belong to the manager of the first tensor, which is this one's
            NDArray marker = scope.zeros(new Shape(1));
            marker.setName("module_method:" + method);
            arguments.add(marker);
        }

        /** Tensors that carry the name of their list. */
        Call list(NDArray[] tensors) {
            arguments.addAll(List.of(tensors));
            return this;
        }

        Call tensor(NDArray tensor) {
            arguments.add(tensor);
            return this;
        }

        /** @param positions of the longest sequence of the call */
        Call rotary(int positions) {
            RotaryEmbedding.Tables tables = DecoderProgram.this.rotary(positions);
            return tensor(tables.cosine(), DataType.FLOAT32, tables.positions(), config.headDim() / 2)
                .tensor(tables.sine(), DataType.FLOAT32, tables.positions(), config.headDim() / 2);
        }

        Call longs(long[] values, long... shape) {
            MemorySegment memory = arena.allocate(ValueLayout.JAVA_LONG, values.length);
            MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_LONG, 0, values.length);
            return tensor(memory, DataType.INT64, shape);
        }

        Call floats(float[] values, long... shape) {
            MemorySegment memory = arena.allocate(ValueLayout.JAVA_FLOAT, values.length);
            MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, 0, values.length);
            return tensor(memory, DataType.FLOAT32, shape);
        }

        /** The numbers that a method takes as {@code settings}. */
        Call settings(double... values) {
            MemorySegment memory = arena.allocate(ValueLayout.JAVA_DOUBLE, values.length);
            MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_DOUBLE, 0, values.length);
            return tensor(memory, DataType.FLOAT64, values.length);
        }

        private Call tensor(MemorySegment memory, DataType type, long... shape) {
            return tensor(scope.create(memory.asByteBuffer().order(ByteOrder.nativeOrder()), new Shape(shape), type));
        }

        /** The method's first result, which lives as long as this call. */
        NDArray run() {
            return runAll().getFirst();
        }

        /** The method's results, which live as long as this call. */
        List<NDArray> runAll() {
            // "training" only means that gradients are not forbidden
            return IValueUtils.forward(module, arguments, true);
        }

        @Override
        public void close() {
            scope.close();
            arena.close();
        }
    }
}
