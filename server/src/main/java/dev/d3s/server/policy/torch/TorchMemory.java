package dev.d3s.server.policy.torch;

import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.MemoryUse;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.ParameterLayout;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.Precision;

/**
 * How much memory a {@link TorchPolicy} takes, predicted from shapes: what {@code policy.torchscript} keeps and makes, tensor by
 * tensor. Checked against measured peaks by MemoryPlanTest.
 *
 * @param held as long as the policy is open
 * @param update on top while gradients are computed and applied; libtorch's allocator keeps most of it afterwards
 */
public record TorchMemory(List<MemoryUse> held, List<MemoryUse> update) {
    /** Tensors of the vocabulary's width that a part of the lm_head's rows has at once, forward and backward. */
    private static final int LOGITS_COPIES = 3;
    /** The interpreter, buffers that the matrix library keeps for each thread, and what malloc cannot give back. */
    private static final long THREAD_BYTES = 48L << 20;

    public TorchMemory {
        held = List.copyOf(held);
        update = List.copyOf(update);
    }

    /**
     * What an update works on.
     *
     * @param sequences most of them that one update gets
     * @param longest tokens of the longest of them
     * @param completion tokens of it that may be kept
     * @param keepRatio the largest share of them that is kept
     */
    public record Load(int sequences, int longest, int completion, double keepRatio) {
        /** Sequences of the largest micro-batch. */
        int sequencesTogether(TorchPolicySettings settings) {
            int even = Math.ceilDiv(sequences, settings.workers());
            return Math.clamp(settings.tokensPerMicroBatch() / Math.max(1, longest), 1, Math.max(1, even));
        }
    }

    /** Of a policy that is trained. */
    public static TorchMemory of(ModelConfig config, TorchPolicySettings settings, Load load) {
        LoraSettings lora = settings.lora();
        long weights = bytes(ParameterLayout.of(config));
        List<MemoryUse> held = new ArrayList<>();
        held.add(new MemoryUse("weights", weights));
        long trained = weights;
        if (lora != null) {
            trained = bytes(lora.parameters(config));
            held.add(new MemoryUse("adapters", trained));
            held.add(new MemoryUse("merged weights", merged(config, lora)));
        }
        held.add(new MemoryUse("gradients", trained * settings.workers()));
        held.add(new MemoryUse("optimizer moments", 2 * trained));
        held.add(new MemoryUse("rotary tables", 2L * Float.BYTES * config.contextLength() * config.headDim()));

        int together = load.sequencesTogether(settings);
        long tokens = (long) together * load.longest();
        long kept = Math.max(1, (long) Math.ceil((double) together * load.completion() * load.keepRatio()));
        int threads = settings.workers() * settings.intraOpThreads();
        long activations = activations(config, settings, tokens, kept);
        long logits = logits(config, settings, kept);
        // one layer's gradients at a time, when the logits are gone
        long backward = layerGradients(config, lora) + backward(config, tokens);
        List<MemoryUse> update = new ArrayList<>();
        update.add(new MemoryUse("activations", settings.workers() * activations));
        if (settings.precision() == Precision.BF16) {
            long copies = linearMaps(config) / 2;
            boolean all = settings.activationCheckpointing() == ActivationCheckpointing.NONE;
            update.add(new MemoryUse("bf16 copies", settings.workers() * (all ? copies : copies / config.layers())));
        }
        update.add(new MemoryUse("logits and backward pass", settings.workers() * Math.max(logits, backward)));
        update.add(new MemoryUse("trainer threads", threads * THREAD_BYTES));
        return new TorchMemory(held, update);
    }

    /** Of a frozen policy that only scores. */
    public static TorchMemory ofReference(ModelConfig config, TorchPolicySettings settings, Load load) {
        int together = load.sequencesTogether(settings);
        long tokens = (long) together * load.longest();
        return new TorchMemory(List.of(new MemoryUse("reference policy", bytes(ParameterLayout.of(config))
                + 2L * Float.BYTES * config.contextLength() * config.headDim())),
                List.of(new MemoryUse("reference scoring", settings.workers()
                        * (Math.max(backward(config, tokens),
                                logits(config, settings, (long) together * load.completion())) + THREAD_BYTES))));
    }

    /**
     * What the forward pass keeps: for each layer, in floats of a token, two norms (their input, the normalised value and the
     * scaled one), the turned queries and keys, keys and values for each head, the attention's result, and of the MLP the
     * packed projection, the gate and the product. The last layer's MLP sees kept tokens alone.
     */
    private static long activations(ModelConfig config, TorchPolicySettings settings, long tokens, long kept) {
        long heads = (long) config.heads() * config.headDim();
        long turned = (long) (config.heads() + config.keyValueHeads()) * config.headDim();
        long attention = 3L * config.hiddenSize() + turned
                + (config.heads() == config.keyValueHeads() ? config.packedProjectionSize() : 2 * heads) + heads;
        if (config.queryKeyNorm()) {
            attention += config.packedProjectionSize() + 2 * turned;
        }
        long mlp = 3L * config.hiddenSize() + 4L * config.intermediateSize();
        LoraSettings lora = settings.lora();
        if (lora != null) {
            mlp += (long) lora.rank() * lora.targets().size();
        }
        if (settings.precision() == Precision.BF16) {
            // rounded inputs of the linear maps are kept instead of the exact ones
            attention += (config.hiddenSize() + heads) / 2;
            mlp += (config.hiddenSize() + config.intermediateSize()) / 2;
        }
        long layer = attention + mlp;
        long last = attention * tokens + (mlp + config.hiddenSize() + heads) * kept;
        long floats = switch (settings.activationCheckpointing()) {
            case NONE -> (config.layers() - 1) * layer * tokens + last;
            case LAYER -> (long) config.layers() * config.hiddenSize() * tokens + Math.max(layer * tokens, last);
        };
        return Float.BYTES * floats;
    }

    /** Short-lived tensors on the way back: gradients of an MLP's parts. */
    private static long backward(ModelConfig config, long tokens) {
        return Float.BYTES * tokens * (5L * config.intermediateSize() + 3L * config.hiddenSize());
    }

    private static long logits(ModelConfig config, TorchPolicySettings settings, long kept) {
        long rows = Math.min(kept, settings.logitsRows(config));
        return LOGITS_COPIES * Float.BYTES * rows * config.vocabularySize();
    }

    private static long layerGradients(ModelConfig config, @Nullable LoraSettings lora) {
        return (lora == null ? linearMaps(config) : bytes(lora.parameters(config))) / config.layers();
    }

    /** Copies of what adapters change, for the rollout engine to read. */
    private static long merged(ModelConfig config, LoraSettings lora) {
        List<ParameterLayout.Part> parts = ParameterLayout.parts(config);
        List<Parameter> all = ParameterLayout.of(config);
        long bytes = 0;
        for (ParameterLayout.Part part : lora.mergedParts()) {
            if (parts.contains(part)) {
                bytes += Float.BYTES * all.get(ParameterLayout.index(config, 0, part)).size();
            }
        }
        return bytes * config.layers();
    }

    /** Matrices of the layers. */
    private static long linearMaps(ModelConfig config) {
        return bytes(ParameterLayout.of(config)
            .stream()
            .filter(parameter -> parameter.shape().length == 2 && parameter.name().contains(".layers."))
            .toList());
    }

    private static long bytes(List<Parameter> parameters) {
        return Float.BYTES * parameters.stream().mapToLong(Parameter::size).sum();
    }
}
