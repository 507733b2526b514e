package dev.d3s.server.rollout.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;

import ai.onnxruntime.OrtException;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Weights;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.SamplingSettings;

/**
 * Finds out, when an engine opens, which way of taking over weights is cheaper: decodes a few tokens with a session of
 * each kind, in turns, and times how long making one anew takes.
 */
final class RefreshCalibration {
    private static final int ROUNDS = 3;
    private static final int TOKENS = 8;
    private static final double QUICK_SECONDS = 0.5;

    private RefreshCalibration() {}

    /** @param sessions of the chosen mode, open; those of the other are closed */
    record Outcome(DecoderSessions sessions, RefreshMeasurement measurement) {}

    /** @throws java.util.concurrent.CancellationException when a stop was requested meanwhile */
    static Outcome measure(ModelConfig config, Weights weights, OnnxRolloutSettings settings,
            BooleanSupplier stopRequested) {
        GenerationListener listener = new GenerationListener() {
            @Override
            public boolean cancelled() {
                return stopRequested.getAsBoolean();
            }
        };
        int positions = settings.maxSequenceLength();
        int rotary = OnnxRolloutSettings.guestPositions(config, positions);
        DecoderSessions inPlace = new DecoderSessions(config, weights, rotary, RefreshMode.IN_PLACE,
                settings.intraOpThreads());
        List<DecoderSessions> unwanted = new ArrayList<>(List.of(inPlace));
        try {
            long begin = System.nanoTime();
            DecoderSessions recreated = new DecoderSessions(config, weights, rotary, RefreshMode.RECREATE,
                    settings.intraOpThreads());
            double recreateSeconds = (System.nanoTime() - begin) * 1e-9;
            unwanted.add(recreated);
            if (recreateSeconds < QUICK_SECONDS) {
                // The first one also pays for things that happen once.
                begin = System.nanoTime();
                recreated.refresh();
                recreateSeconds = Math.min(recreateSeconds, (System.nanoTime() - begin) * 1e-9);
            }
            double[] inPlaceSeconds = new double[ROUNDS];
            double[] recreatedSeconds = new double[ROUNDS];
            int tokens = Math.min(TOKENS, positions - 1);
            try (DecodeWorker worker = new DecodeWorker(config, settings.slotsPerWorker(), positions)) {
                decode(worker, config, settings, inPlace, tokens, listener);
                decode(worker, config, settings, recreated, tokens, listener);
                for (int round = 0; round < ROUNDS; round++) {
                    inPlaceSeconds[round] = decode(worker, config, settings, inPlace, tokens, listener);
                    recreatedSeconds[round] = decode(worker, config, settings, recreated, tokens, listener);
                }
            } catch (OrtException e) {
                throw OnnxRuntime.failure("measuring", e);
            }
            double perRound = (double) tokens * settings.slotsPerWorker() * settings.workers();
            RefreshMeasurement measurement = RefreshMeasurement.of(perRound / median(inPlaceSeconds),
                    perRound / median(recreatedSeconds), recreateSeconds, settings.expectedTokensPerRefresh());
            DecoderSessions chosen = measurement.chosen() == RefreshMode.IN_PLACE ? inPlace : recreated;
            unwanted.remove(chosen);
            return new Outcome(chosen, measurement);
        } finally {
            unwanted.forEach(DecoderSessions::close);
        }
    }

    /** Seconds that one worker takes for some tokens in each of its slots. */
    private static double decode(DecodeWorker worker, ModelConfig config, OnnxRolloutSettings settings,
            DecoderSessions sessions, int tokens, GenerationListener listener) throws OrtException {
        long[] identities = new long[settings.slotsPerWorker()];
        Arrays.setAll(identities, index -> index);
        Generation generation = new Generation(config, settings.maxSequenceLength(),
                List.of(new GenerationRequest(new int[]{0}, identities)), SamplingSettings.of(tokens, 1, 0),
                listener, LengthLimit.NONE);
        long begin = System.nanoTime();
        worker.run(generation, sessions.session(Head.SAMPLING), identities.length, null);
        return (System.nanoTime() - begin) * 1e-9;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
