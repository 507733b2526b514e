package dev.d3s.server.policy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.ParameterLayout.Part;

/**
 * Low-rank adaptation (LoRA, arXiv 2106.09685): each target's weight W [out, in] stays as it is, and the policy computes
 * {@code (W + scaling * B A) x} with trained A [rank, in] and B [out, rank]. At first A is random and B is 0: the policy
 * starts as the model.
 *
 * @param rank width between A and B, at least 1
 * @param alpha numerator of the scaling, positive
 * @param targets what gets an adapter in every layer; without repetition, in the order of {@link LoraTarget}
 * @param rankStabilized whether alpha is divided by the root of the rank (rsLoRA, arXiv 2312.03732) and not by the rank
 */
public record LoraSettings(int rank, double alpha, List<LoraTarget> targets, boolean rankStabilized) {
    public LoraSettings {
        if (rank < 1 || !(alpha > 0) || targets.isEmpty()) {
            throw new IllegalArgumentException("LoRA needs a rank and an alpha above 0 and at least one target");
        }
        targets = targets.stream().distinct().sorted().toList();
    }

    /** Adapters on every linear map of a layer. */
    public static LoraSettings of(int rank, double alpha) {
        return new LoraSettings(rank, alpha, List.of(LoraTarget.values()), false);
    }

    /** What B A is multiplied with. */
    public double scaling() {
        return alpha / (rankStabilized ? Math.sqrt(rank) : rank);
    }

    /**
     * The trained tensors of a model under the names of the PEFT library: for each layer and target A, then B.
     */
    public List<Parameter> parameters(ModelConfig config) {
        List<Parameter> parameters = new ArrayList<>();
        for (int layer = 0; layer < config.layers(); layer++) {
            for (LoraTarget target : targets) {
                String module = "base_model.model.model.layers." + layer + "." + target.module();
                parameters.add(new Parameter(module + ".lora_A.weight", new long[]{rank, target.columns(config)}));
                parameters.add(new Parameter(module + ".lora_B.weight", new long[]{target.rows(config), rank}));
            }
        }
        return List.copyOf(parameters);
    }

    /** The parts of a layer that an adapter changes: those of which the rollout engine reads a merged copy. */
    public List<Part> mergedParts() {
        return Arrays.stream(Part.values())
            .filter(part -> targets.stream().anyMatch(target -> target.part() == part))
            .toList();
    }
}
