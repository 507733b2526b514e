package dev.d3s.server.rollout.onnx;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

import org.jspecify.annotations.Nullable;

import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Weights;
import dev.d3s.server.rollout.CompletionGroup;
import dev.d3s.server.rollout.GenerationListener;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.RolloutEngine;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.ServingEngine;
import dev.d3s.server.rollout.ServingLimits;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * The rollout engine on ONNX Runtime: workers with slots of their own share one session over the trainer's weights.
 *
 * <p>
 * Completions are bit-identical whatever the number of workers and slots, the order of requests and the way groups share
 * prefixes, within one refresh mode and one number of threads per run. Called by one thread at a time; its workers are
 * daemon threads of its own. Whoever opened it closes it, before the weights' owner.
 */
public final class OnnxRolloutEngine implements RolloutEngine {
    /** Head dimensions come in these steps: a condition of ONNX Runtime's rotary embedding. */
    private static final int HEAD_STEP = 16;

    private final ModelConfig config;
    private final OnnxRolloutSettings settings;
    private final DecoderSessions sessions;
    private final @Nullable RefreshMeasurement measurement;
    private final List<DecodeWorker> workers = new ArrayList<>();
    private final ExecutorService threads;
    private volatile @Nullable Guests guests;

    private OnnxRolloutEngine(ModelConfig config, OnnxRolloutSettings settings, DecoderSessions sessions,
            @Nullable RefreshMeasurement measurement) {
        this.config = config;
        this.settings = settings;
        this.sessions = sessions;
        this.measurement = measurement;
        this.threads = Executors.newFixedThreadPool(settings.workers(),
                Thread.ofPlatform().name("rollout-", 0).daemon().factory());
    }

    /**
     * Opens an engine over weights that stay their owner's.
     *
     * @param weights must stay valid until the engine is closed
     * @throws D3sException when the model's shape is not supported or memory runs out
     */
    public static OnnxRolloutEngine open(ModelConfig config, Weights weights, OnnxRolloutSettings settings) {
        return open(config, weights, settings, () -> false);
    }

    /**
     * The same for somebody who may not want to wait until the refresh mode is measured.
     *
     * @param stopRequested asked between decode steps
     * @throws CancellationException when it became true
     */
    public static OnnxRolloutEngine open(ModelConfig config, Weights weights, OnnxRolloutSettings settings,
            BooleanSupplier stopRequested) {
        checkShape(config);
        RefreshMode mode = settings.refreshMode();
        if (mode != null) {
            return open(config, settings, new DecoderSessions(config, weights,
                    OnnxRolloutSettings.guestPositions(config, settings.maxSequenceLength()), mode,
                    settings.intraOpThreads()), null);
        }
        RefreshCalibration.Outcome outcome = RefreshCalibration.measure(config, weights, settings, stopRequested);
        return open(config, settings, outcome.sessions(), outcome.measurement());
    }

    static void checkShape(ModelConfig config) {
        if (config.headDim() % HEAD_STEP != 0) {
            throw new D3sException(ErrorCategory.USER, "unsupported_model", "The model's head dimension is "
                    + config.headDim() + ", but the rollout engine needs a multiple of " + HEAD_STEP + ".");
        }
    }

    private static OnnxRolloutEngine open(ModelConfig config, OnnxRolloutSettings settings, DecoderSessions sessions,
            @Nullable RefreshMeasurement measurement) {
        OnnxRolloutEngine engine = new OnnxRolloutEngine(config, settings, sessions, measurement);
        boolean opened = false;
        try {
            for (int i = 0; i < settings.workers(); i++) {
                engine.workers.add(new DecodeWorker(config, settings.slotsPerWorker(), settings.maxSequenceLength()));
            }
            opened = true;
            return engine;
        } finally {
            if (!opened) {
                engine.close();
            }
        }
    }

    @Override
    public List<CompletionGroup> generate(List<GenerationRequest> requests, SamplingSettings sampling,
            GenerationListener listener) {
        return generate(requests, sampling, listener, LengthLimit.NONE);
    }

    /** The same with a length limit for each completion. */
    List<CompletionGroup> generate(List<GenerationRequest> requests, SamplingSettings sampling,
            GenerationListener listener, LengthLimit limit) {
        Generation generation = new Generation(config, settings.maxSequenceLength(), requests, sampling, listener,
                limit);
        OrtSession session = sessions.session(Head.SAMPLING);
        int concurrency = Math.ceilDiv(generation.completionCount(), workers.size());
        List<Future<?>> running = new ArrayList<>();
        Guests present = guests;
        for (int i = 0; i < workers.size(); i++) {
            DecodeWorker worker = workers.get(i);
            Guests.@Nullable Visitor visitor = present == null ? null : present.visitor(i);
            running.add(threads.submit(() -> {
                try {
                    worker.run(generation, session, concurrency, visitor);
                } catch (OrtException e) {
                    generation.stop();
                    throw OnnxRuntime.failure("generating", e);
                } catch (RuntimeException | Error e) {
                    generation.stop();
                    throw e;
                }
            }));
        }
        await(running, generation::stop);
        return generation.groups();
    }

    /** Waits until every worker has come to rest, then reports the first failure: a real one before a cancellation. */
    private static void await(List<Future<?>> running, Runnable stop) {
        boolean interrupted = false;
        @Nullable
        Throwable failure = null;
        for (Future<?> worker : running) {
            while (true) {
                try {
                    worker.get();
                    break;
                } catch (InterruptedException e) {
                    // The workers use memory that the caller may free next: stop them, but wait for them.
                    interrupted = true;
                    stop.run();
                } catch (ExecutionException e) {
                    Throwable cause = e.getCause();
                    if (failure == null || failure instanceof CancellationException) {
                        failure = cause;
                    }
                    break;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (failure instanceof Error error) {
            throw error;
        }
        if (failure instanceof RuntimeException exception) {
            throw exception;
        }
    }

    @Override
    public TokenScores score(int[] tokens, int promptLength, double temperature) {
        if (promptLength < 1 || promptLength > tokens.length || tokens.length > settings.maxSequenceLength()) {
            throw new D3sException(ErrorCategory.USER, "context_length_exceeded",
                    "Cannot score " + tokens.length + " tokens with a prompt of " + promptLength
                            + ": the prompt has at least one token, and both together at most "
                            + settings.maxSequenceLength() + ".");
        }
        if (promptLength == tokens.length) {
            return new TokenScores(new float[0], new float[0]);
        }
        try {
            return workers.getFirst().score(sessions.session(Head.SAMPLING), tokens, promptLength, temperature);
        } catch (OrtException e) {
            throw OnnxRuntime.failure("scoring", e);
        }
    }

    @Override
    public void refresh() {
        Guests present = guests;
        if (present != null) {
            present.suspend();
        }
        sessions.refresh();
    }

    @Override
    public ServingEngine serve(ServingLimits limits, LongSupplier version) {
        Guests opened = new Guests(config, OnnxRolloutSettings.guestPositions(config, settings.maxSequenceLength()),
                workers.size(), limits, version);
        guests = opened;
        return opened;
    }

    @Override
    public void finishServing(BooleanSupplier enough) {
        Guests present = guests;
        if (present == null) {
            return;
        }
        OrtSession session = sessions.session(Head.SAMPLING);
        List<Future<?>> running = new ArrayList<>();
        for (int i = 0; i < workers.size(); i++) {
            Guests.Visitor visitor = present.visitor(i);
            running.add(threads.submit(() -> {
                while (!enough.getAsBoolean() && visitor.idle(session)) {
                    // one turn after the other
                }
            }));
        }
        await(running, present::close);
    }

    @Override
    public RefreshMode refreshMode() {
        return sessions.mode();
    }

    /** What was measured at open; {@code null} when the settings gave the mode. */
    public @Nullable RefreshMeasurement refreshMeasurement() {
        return measurement;
    }

    @Override
    public void close() {
        threads.close();
        Guests present = guests;
        if (present != null) {
            present.free();
        }
        workers.forEach(DecodeWorker::close);
        sessions.close();
    }
}
