package dev.d3s.server.rollout.onnx;

import java.util.List;

import dev.d3s.server.model.MemoryUse;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.rollout.RefreshMode;

/**
 * How much memory an {@link OnnxRolloutEngine} takes beside the weights it reads, predicted from shapes. Checked against measured
 * peaks by MemoryPlanTest.
 *
 * @param held as long as the engine is open
 * @param generation on top while it generates; ONNX Runtime keeps it for the next run
 */
public record OnnxMemory(List<MemoryUse> held, List<MemoryUse> generation) {
    /** Tensors of the vocabulary's width that the sampling graph has at once. */
    private static final int LOGITS_COPIES = 4;

    public OnnxMemory {
        held = List.copyOf(held);
        generation = List.copyOf(generation);
    }

    /**
     * What is generated.
     *
     * @param prompts in one call
     * @param groupSize completions of each
     * @param longestPrompt tokens
     */
    public record Load(int prompts, int groupSize, int longestPrompt) {}

    /** With no refresh mode given, both are measured at open: as much as the larger of them. */
    public static OnnxMemory of(ModelConfig config, OnnxRolloutSettings settings, Load load) {
        long packed = settings.refreshMode() == RefreshMode.IN_PLACE ? 0 : packed(config);
        long slots = settings.workers() * (Math.max(settings.slotsPerWorker(), 2) + 1L);
        long cache = slots * 2 * config.layers() * KeyValueBuffers.slotBytes(config, settings.maxSequenceLength());

        int chunk = Math.min(load.longestPrompt(), DecodeWorker.CHUNK);
        int together = Math.clamp(DecodeWorker.MAX_PREFILL_ROWS / Math.max(1, load.longestPrompt()), 1,
                Math.max(1, Math.min(load.prompts(), settings.slotsPerWorker())));
        long rows = (long) together * chunk;
        long perRow = 6L * config.intermediateSize() + 4L * config.hiddenSize() + 2L * config.packedProjectionSize();
        long scores = (long) together * config.heads() * chunk * Math.min(settings.maxSequenceLength(),
                load.longestPrompt());
        long prefill = Float.BYTES * (rows * perRow + scores);
        long completions = Math.ceilDiv((long) load.prompts() * load.groupSize(), settings.workers());
        // all members of a group draw their first token together, whether there is a slot for them or not
        long drawn = Math.min(completions,
                Math.max(settings.slotsPerWorker(), (long) together * load.groupSize()));
        long logits = LOGITS_COPIES * Float.BYTES * Math.max(2, drawn) * config.vocabularySize();
        return new OnnxMemory(
                List.of(new MemoryUse("rollout weights", packed), new MemoryUse("key-value cache", cache)),
                List.of(new MemoryUse("prompts", settings.workers() * prefill),
                        new MemoryUse("sampling", settings.workers() * logits)));
    }

    /** Matrices in the order that the kernels like: all but an embedding that is only looked up. */
    private static long packed(ModelConfig config) {
        long bytes = 0;
        List<Parameter> parameters = ParameterLayout.of(config);
        for (int index = 0; index < parameters.size(); index++) {
            boolean multiplied = index != 0 || config.tiedEmbeddings();
            if (multiplied && parameters.get(index).shape().length == 2) {
                bytes += Float.BYTES * parameters.get(index).size();
            }
        }
        return bytes;
    }
}
