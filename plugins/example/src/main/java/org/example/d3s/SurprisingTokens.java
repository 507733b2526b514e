package org.example.d3s;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;

import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.TokenBatch;
import dev.d3s.spi.TokenSelection;
import dev.d3s.spi.TokenSelector;
import dev.d3s.spi.TokenSelectorFactory;

/** Keeps the tokens that the policy was least likely to sample: where it explored, the reward says most. */
final class SurprisingTokens implements TokenSelector {
    /** A token of the batch. {@code draw} decides among equally likely ones. */
    private record Candidate(int rollout, int position, float logprob, long draw) {}

    // region select
    @Override
    public TokenSelection select(TokenBatch batch, double keepRatio, long seed) {
        // the only source of randomness: a resumed job asks again and must get the same answer
        SplittableRandom random = new SplittableRandom(seed);
        boolean[][] kept = new boolean[batch.size()][];
        List<Candidate> candidates = new ArrayList<>();
        for (int i = 0; i < batch.size(); i++) {
            float[] logprob = batch.logprob()[i];
            kept[i] = new boolean[logprob.length];
            for (int t = 0; t < logprob.length; t++) {
                candidates.add(new Candidate(i, t, logprob[t], random.nextLong()));
            }
        }
        candidates.sort(Comparator.comparingDouble(Candidate::logprob).thenComparingLong(Candidate::draw));
        // rounded up, so that at least one token is kept
        int wanted = (int) Math.ceil(keepRatio * candidates.size());
        for (Candidate candidate : candidates.subList(0, wanted)) {
            kept[candidate.rollout()][candidate.position()] = true;
        }
        return TokenSelection.of(kept);
    }
    // endregion

    static final class Factory implements TokenSelectorFactory {
        @Override
        public String name() {
            return "surprising";
        }

        @Override
        public String description() {
            return "The tokens that were least likely to be sampled.";
        }

        @Override
        public TokenSelector create(PluginConfig config) {
            return new SurprisingTokens();
        }
    }
}
