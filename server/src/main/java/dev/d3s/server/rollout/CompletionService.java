package dev.d3s.server.rollout;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.Tokenizer;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * Completions from model directories, outside any training loop: what {@code POST /v1/completions} calls. A directory is
 * opened when it is first asked for, and the last used ones stay open. Callable from any thread; calls for one model take
 * turns, calls for different models run side by side. Whoever made it closes it.
 */
public final class CompletionService implements AutoCloseable {
    private final ModelOpener models;
    private final EngineOpener engines;
    private final int kept;
    /** Least recently used first; guarded by itself. */
    private final Map<Path, Served> served = new LinkedHashMap<>(16, 0.75f, true);
    private boolean closed;

    /** A model and its engine, opened by the first call that holds the lock. */
    private static final class Served {
        private final ReentrantLock turn = new ReentrantLock(true);
        private ModelOpener.@Nullable OpenModel model;
        private @Nullable RolloutEngine engine;
        /** Calls that hold or wait for a turn; guarded by the map. */
        private int users;
        /** No longer in the map: the last user closes it; guarded by the map. */
        private boolean evicted;

        void close() {
            RolloutEngine opened = engine;
            engine = null;
            if (opened != null) {
                opened.close();
            }
            ModelOpener.OpenModel read = model;
            model = null;
            if (read != null) {
                read.release().run();
            }
        }
    }

    /**
     * @param models reads a directory
     * @param engines opens an engine over what was read
     * @param kept models that stay open, at least 1
     */
    public CompletionService(ModelOpener models, EngineOpener engines, int kept) {
        this.models = models;
        this.engines = engines;
        this.kept = Math.max(1, kept);
    }

    /**
     * @throws D3sException when the directory is not a model, or a prompt does not fit into its context
     * @throws java.util.concurrent.CancellationException when the listener wanted no more
     */
    public CompletionResult complete(CompletionRequest request, CompletionListener listener) {
        Path directory = request.model().toAbsolutePath().normalize();
        Served entry = acquire(directory);
        entry.turn.lock();
        try {
            return complete(request, listener, entry);
        } finally {
            if (entry.engine == null) {
                // Could not be opened: it must not push out one that could.
                withdraw(directory, entry);
            }
            entry.turn.unlock();
            release(entry);
        }
    }

    /** Closes a model's engine as soon as nobody uses it, so that its directory can go or change. */
    public void forget(Path model) {
        Served entry;
        synchronized (served) {
            entry = served.remove(model.toAbsolutePath().normalize());
            if (entry == null) {
                return;
            }
            entry.users++;
            entry.evicted = true;
        }
        release(entry);
    }

    private CompletionResult complete(CompletionRequest request, CompletionListener listener, Served entry) {
        ModelOpener.OpenModel model = entry.model;
        RolloutEngine engine = entry.engine;
        if (model == null) {
            model = read(request.model());
            entry.model = model;
        }
        if (engine == null) {
            // Room first: two engines more than wanted may not fit into memory.
            evictOldest();
            engine = engines.open(model.config(), model.weights());
            entry.engine = engine;
        }
        Tokenizer tokenizer = model.tokenizer();
        List<int[]> prompts = new ArrayList<>();
        List<String> texts = new ArrayList<>();
        for (CompletionRequest.Prompt prompt : request.prompts()) {
            switch (prompt) {
                case CompletionRequest.Prompt.Text text -> {
                    prompts.add(tokenizer.encodePrompt(text.text()));
                    texts.add(text.text());
                }
                case CompletionRequest.Prompt.Tokens tokens -> {
                    prompts.add(tokens.tokens());
                    texts.add(tokenizer.decode(tokens.tokens()));
                }
            }
        }
        List<GenerationRequest> requests = new ArrayList<>();
        ChoiceText[] choices = new ChoiceText[prompts.size() * request.n()];
        for (int i = 0; i < prompts.size(); i++) {
            long[] identities = new long[request.n()];
            for (int j = 0; j < request.n(); j++) {
                identities[j] = RolloutIdentity.of(0, i, j);
                int choice = i * request.n() + j;
                choices[choice] = new ChoiceText(choice, tokenizer, request.stop(), listener);
            }
            requests.add(new GenerationRequest(prompts.get(i), identities));
        }
        CompletionResult.Choice[] results = new CompletionResult.Choice[choices.length];
        BitSet announced = new BitSet();
        engine.generate(requests, request.sampling(), new GenerationListener() {
            @Override
            public boolean token(int prompt, int completion, int token, float logprob) {
                synchronized (announced) {
                    if (!announced.get(prompt)) {
                        announced.set(prompt);
                        listener.accepted(prompt, prompts.get(prompt), texts.get(prompt));
                    }
                }
                return choices[prompt * request.n() + completion].token(token, logprob);
            }

            @Override
            public void finished(int prompt, CompletionGroup group) {
                for (int j = 0; j < request.n(); j++) {
                    int choice = prompt * request.n() + j;
                    results[choice] = choices[choice].finish(prompt, group.completions().get(j));
                }
            }

            @Override
            public boolean cancelled() {
                return listener.cancelled();
            }
        });
        int promptTokens = prompts.stream().mapToInt(prompt -> prompt.length).sum();
        int completionTokens = Arrays.stream(results).mapToInt(choice -> choice.tokens().length).sum();
        return new CompletionResult(prompts, texts, Arrays.asList(results),
                new CompletionResult.Usage(promptTokens, completionTokens));
    }

    private ModelOpener.OpenModel read(Path directory) {
        try {
            return models.open(directory);
        } catch (IOException e) {
            throw new D3sException(ErrorCategory.RESOURCES, "model_unreadable",
                    "The model directory " + directory + " cannot be read: " + e.getMessage(), e);
        }
    }

    private Served acquire(Path directory) {
        synchronized (served) {
            if (closed) {
                throw new IllegalStateException("The completion service is closed.");
            }
            Served entry = served.computeIfAbsent(directory, path -> new Served());
            entry.users++;
            return entry;
        }
    }

    private void evictOldest() {
        List<Served> evicted = new ArrayList<>();
        synchronized (served) {
            Iterator<Served> oldest = served.values().iterator();
            while (served.size() > kept) {
                Served candidate = oldest.next();
                candidate.users++;
                candidate.evicted = true;
                evicted.add(candidate);
                oldest.remove();
            }
        }
        evicted.forEach(this::release);
    }

    private void withdraw(Path directory, Served entry) {
        synchronized (served) {
            served.remove(directory, entry);
            entry.evicted = true;
        }
    }

    private void release(Served entry) {
        synchronized (served) {
            entry.users--;
            if (entry.users > 0 || !entry.evicted) {
                return;
            }
        }
        entry.close();
    }

    /** Closes every engine that nobody uses; the others close when their calls end. */
    @Override
    public void close() {
        List<Served> all;
        synchronized (served) {
            closed = true;
            all = new ArrayList<>(served.values());
            served.clear();
            for (Served entry : all) {
                entry.users++;
                entry.evicted = true;
            }
        }
        all.forEach(this::release);
    }
}
