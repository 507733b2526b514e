package dev.d3s.server.policy.torch;

import java.util.List;
import java.util.function.BooleanSupplier;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Weights;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.ReferencePolicy;

/**
 * The frozen policy of the KL term, without gradients: its own copy of the weights and its own threads, or those of a policy
 * whose adapters it leaves out. Closed by whoever opened it.
 */
public final class TorchReferencePolicy implements ReferencePolicy {
    private final TorchDecoder decoder;

    private TorchReferencePolicy(TorchDecoder decoder) {
        this.decoder = decoder;
    }

    /** @param decoder of a policy with adapters, whose model is scored without them */
    static TorchReferencePolicy of(TorchDecoder decoder) {
        return new TorchReferencePolicy(decoder.withoutAdapters());
    }

    /** @param weights copied */
    public static TorchReferencePolicy open(ModelConfig config, Weights weights, TorchPolicySettings settings) {
        return new TorchReferencePolicy(new TorchDecoder("reference", config, weights,
                settings.with(new PolicySettings(settings.precision(), null)), 0));
    }

    /** See {@link TorchPolicy#until}. */
    public TorchReferencePolicy until(BooleanSupplier stopRequested) {
        decoder.until(stopRequested);
        return this;
    }

    @Override
    public List<TokenScores> score(List<int[]> tokens, int[] promptLength, boolean[][] chosen, double temperature) {
        return decoder.score(tokens, promptLength, chosen, temperature);
    }

    @Override
    public void close() {
        decoder.close();
    }
}
