package dev.d3s.server.policy.torch;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.model.ParameterLayout.Part;
import dev.d3s.server.policy.LoraSettings;

/**
 * A policy's adapters, and the weights merged with them: what the rollout engine reads. A weight that has adapters has
 * memory of its own for W + scaling * B A, always the same; all other weights are the model's own. Lives as long as the
 * decoder's manager.
 */
final class TorchAdapters {
    private final LoraSettings settings;
    private final TorchWeights values;
    private final TorchWeights merged;
    private final TorchWeights weights;

    /**
     * Adapters as PEFT begins them: A uniform within 1 / root of its columns, B 0.
     *
     * @param seed of A, a pure function of it
     */
    TorchAdapters(LoraSettings settings, ModelConfig config, TorchWeights model, NDManager manager, long seed) {
        this.settings = settings;
        values = TorchWeights.zeros(manager, settings.parameters(config), "parameters[]");
        SplittableRandom root = new SplittableRandom(seed);
        for (int index = 0; index < values.parameters().size(); index += 2) {
            SplittableRandom random = root.split();
            double bound = 1 / Math.sqrt((double) values.parameters().get(index).shape()[1]);
            FloatBuffer down = values.values(index).asFloatBuffer();
            while (down.hasRemaining()) {
                down.put((float) random.nextDouble(-bound, bound));
            }
        }
        List<Integer> positions = new ArrayList<>();
        for (int layer = 0; layer < config.layers(); layer++) {
            for (Part part : settings.mergedParts()) {
                positions.add(ParameterLayout.index(config, layer, part));
            }
        }
        List<Parameter> targets = positions.stream().map(model.parameters()::get).toList();
        merged = TorchWeights.zeros(manager, targets, "merged[]");
        NDArray[] tensors = model.tensors().clone();
        ByteBuffer[] views = model.views().clone();
        for (int index = 0; index < positions.size(); index++) {
            tensors[positions.get(index)] = merged.tensors()[index];
            views[positions.get(index)] = merged.views()[index];
        }
        weights = new TorchWeights(model.parameters(), tensors, views);
    }

    LoraSettings settings() {
        return settings;
    }

    /** A and B of each layer's targets, in the order of {@link LoraSettings#parameters}. */
    TorchWeights values() {
        return values;
    }

    /** The whole model with the adapters as they were at the last {@link #merge}. */
    TorchWeights weights() {
        return weights;
    }

    /** Writes the merged weights anew, where they are. On a worker. */
    void merge(DecoderProgram program, NDArray[] modelAndAdapters) {
        try (DecoderProgram.Call call = program.call("merge_adapters")) {
            call.list(modelAndAdapters).list(merged.tensors()).run();
        }
    }
}
