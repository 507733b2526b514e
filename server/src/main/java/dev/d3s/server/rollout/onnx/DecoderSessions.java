package dev.d3s.server.rollout.onnx;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.RotaryEmbedding;
import dev.d3s.server.model.Weights;
import dev.d3s.server.rollout.RefreshMode;

/**
 * The sessions over one model's weights: the sampling head's, made at once, and the others when first asked for. Weights
 * are never copied into the model: each session gets tensors over the weights' own memory. With
 * {@link RefreshMode#IN_PLACE} it computes on that memory; with {@link RefreshMode#RECREATE} it packs matrices for speed
 * when it is made, and sees later changes only after {@link #refresh()}.
 *
 * <p>
 * Used by one thread at a time except for {@link OrtSession#run}; closed by the engine.
 */
final class DecoderSessions implements AutoCloseable {
    private final ModelConfig config;
    private final Weights weights;
    private final int positions;
    private final RefreshMode mode;
    private final int intraOpThreads;
    private final Arena arena = Arena.ofShared();
    private final RotaryEmbedding.Tables rotary;
    private final Map<Head, byte[]> models = new EnumMap<>(Head.class);
    private final Map<Head, Open> open = new EnumMap<>(Head.class);
    private List<Long> addresses;

    /** A session with everything that has to outlive it. */
    private record Open(OrtSession session, OrtSession.SessionOptions options, List<OnnxTensor> initializers) {
        void close() throws OrtException {
            session.close();
            options.close();
            initializers.forEach(OnnxTensor::close);
        }
    }

    /** @param positions T, rows of the rotary tables */
    DecoderSessions(ModelConfig config, Weights weights, int positions, RefreshMode mode, int intraOpThreads) {
        this.config = config;
        this.weights = weights;
        this.positions = positions;
        this.mode = mode;
        this.intraOpThreads = intraOpThreads;
        rotary = config.rotary().tables(config.headDim(), positions, arena);
        addresses = addresses();
        boolean opened = false;
        try {
            session(Head.SAMPLING);
            opened = true;
        } finally {
            if (!opened) {
                arena.close();
            }
        }
    }

    RefreshMode mode() {
        return mode;
    }

    /** The session of a head, made now if there is none. */
    OrtSession session(Head head) {
        Open existing = open.get(head);
        if (existing == null) {
            existing = create(head);
            open.put(head, existing);
        }
        return existing.session;
    }

    /** Takes over the weights' present values; only the sampling head's session is made anew at once. */
    void refresh() {
        List<Long> present = addresses();
        // In place there is nothing to do as long as the values stay where they were.
        if (mode == RefreshMode.RECREATE || !present.equals(addresses)) {
            addresses = present;
            closeSessions();
            session(Head.SAMPLING);
        }
    }

    private List<Long> addresses() {
        List<Long> result = new ArrayList<>();
        for (int i = 0; i < weights.parameters().size(); i++) {
            result.add(MemorySegment.ofBuffer(weights.values(i)).address());
        }
        return result;
    }

    private Open create(Head head) {
        byte[] model = models.computeIfAbsent(head, wanted -> DecoderGraph.model(config, positions, wanted));
        List<OnnxTensor> initializers = new ArrayList<>();
        OrtSession.SessionOptions options = new OrtSession.SessionOptions();
        @Nullable
        OrtSession session = null;
        try {
            Path folder = Files.createTempDirectory("d3s-onnx");
            Path file = Files.createFile(folder.resolve(OnnxGraph.EXTERNAL_FILE));
            try {
                options.setIntraOpNumThreads(intraOpThreads);
                options.setInterOpNumThreads(1);
                options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
                // Shapes change with every finished completion: remembered plans would only pile up.
                options.setMemoryPatternOptimization(false);
                options.addConfigEntry("session.model_external_initializers_file_folder_path", folder.toString());
                if (mode == RefreshMode.IN_PLACE) {
                    options.addConfigEntry("session.disable_prepacking", "1");
                }
                List<Parameter> parameters = weights.parameters();
                for (int i = 0; i < parameters.size(); i++) {
                    Parameter parameter = parameters.get(i);
                    addInitializer(options, parameter.name(), weights.values(i), parameter.shape(), initializers);
                }
                long[] shape = {positions, config.headDim() / 2};
                addInitializer(options, DecoderGraph.COSINE, rotary.cosine().asByteBuffer(), shape, initializers);
                addInitializer(options, DecoderGraph.SINE, rotary.sine().asByteBuffer(), shape, initializers);
                session = OnnxRuntime.call(() -> OnnxRuntime.environment().createSession(model, options));
                return new Open(session, options, initializers);
            } finally {
                Files.delete(file);
                Files.delete(folder);
            }
        } catch (OrtException e) {
            throw OnnxRuntime.failure("preparing the model", e);
        } catch (IOException e) {
            throw new UncheckedIOException("The temporary directory cannot be written.", e);
        } finally {
            if (session == null) {
                options.close();
                initializers.forEach(OnnxTensor::close);
            }
        }
    }

    private static void addInitializer(OrtSession.SessionOptions options, String name, ByteBuffer values, long[] shape,
            List<OnnxTensor> initializers) throws OrtException {
        ByteBuffer native0 = values.duplicate().order(ByteOrder.nativeOrder());
        OnnxTensor tensor = OnnxTensor.createTensor(OnnxRuntime.environment(), native0.asFloatBuffer(), shape);
        initializers.add(tensor);
        options.addInitializer(name, tensor);
    }

    private void closeSessions() {
        try {
            for (Open each : open.values()) {
                each.close();
            }
        } catch (OrtException e) {
            throw OnnxRuntime.failure("closing a session", e);
        } finally {
            open.clear();
        }
    }

    @Override
    public void close() {
        closeSessions();
        arena.close();
    }
}
