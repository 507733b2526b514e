package dev.d3s.server.rollout;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ChatTemplate;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * Completions from model directories, and from the policies that jobs are training: what {@code POST /v1/completions} and
 * {@code POST /v1/chat/completions} call. A directory is opened when it is first asked for, and the last used ones stay
 * open. Callable from any thread; calls for one model share its engine's slots. Whoever made it closes it.
 */
public final class CompletionService implements Completions, AutoCloseable {
    private final ModelOpener models;
    private final EngineOpener engines;
    private final LivePolicies policies;
    private final int kept;
    private final ServingLoad load;
    /** Least recently used first; guarded by itself. */
    private final Map<Path, Served> served = new LinkedHashMap<>(16, 0.75f, true);
    private boolean closed;

    /** A model and its engine, opened by the first call. */
    private static final class Served {
        private final ReentrantLock opening = new ReentrantLock(true);
        private ModelOpener.@Nullable OpenModel model;
        private @Nullable ServingEngine engine;
        private @Nullable Texts texts;
        private String weights = "";
        /** Calls that use it; guarded by the map. */
        private int users;
        /** No longer in the map: the last user closes it; guarded by the map. */
        private boolean evicted;

        void close() {
            ServingEngine opened = engine;
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

    /** How a model reads and writes. */
    private record Texts(Path directory, Tokenizer tokenizer, @Nullable ChatTemplate template) {
        static Texts of(Path directory, Tokenizer tokenizer) {
            try {
                return new Texts(directory, tokenizer, ChatTemplate.open(directory));
            } catch (IOException e) {
                throw unreadable(directory, e);
            }
        }

        CompletionResult.Prompt read(CompletionRequest.Prompt prompt) {
            return switch (prompt) {
                case CompletionRequest.Prompt.Text text ->
                    new CompletionResult.Prompt(text.text(), tokenizer.encodePrompt(text.text()), null);
                case CompletionRequest.Prompt.Tokens tokens ->
                    new CompletionResult.Prompt(tokenizer.decode(tokens.tokens()), tokens.tokens(), null);
                case CompletionRequest.Prompt.Chat chat -> conversation(chat);
            };
        }

        private CompletionResult.Prompt conversation(CompletionRequest.Prompt.Chat chat) {
            ChatTemplate present = template;
            if (present == null) {
                throw new D3sException(ErrorCategory.USER, "chat_template_missing",
                        "The model has no chat template: add chat_template.jinja to its directory "
                                + directory.getFileName() + ", or use /v1/completions with a prompt of your own.");
            }
            String text = present.render(chat.messages(), chat.tools(), true, chat.variables());
            return new CompletionResult.Prompt(text, tokenizer.encode(text), null);
        }
    }

    /**
     * @param models reads a directory
     * @param engines opens an engine over what was read
     * @param policies those in training
     * @param kept models that stay open, at least 1
     */
    public CompletionService(ModelOpener models, EngineOpener engines, LivePolicies policies, int kept) {
        this(models, engines, policies, kept, new ServingLoad());
    }

    /** @param load where to count what clients ask for */
    public CompletionService(ModelOpener models, EngineOpener engines, LivePolicies policies, int kept,
            ServingLoad load) {
        this.load = load;
        this.models = models;
        this.engines = engines;
        this.policies = policies;
        this.kept = Math.max(1, kept);
    }

    @Override
    public CompletionResult complete(CompletionRequest request, CompletionListener listener) {
        return switch (request.model()) {
            case CompletionRequest.Source.Directory directory -> complete(request, listener, directory.path());
            case CompletionRequest.Source.Live live -> live(request, listener, live.name());
        };
    }

    private CompletionResult complete(CompletionRequest request, CompletionListener listener, Path path) {
        Path directory = path.toAbsolutePath().normalize();
        Served entry = acquire(directory);
        try {
            ServingEngine engine = open(directory, entry);
            Texts texts = java.util.Objects.requireNonNull(entry.texts);
            return call(request, texts, engine, entry.weights, listener);
        } finally {
            release(entry);
        }
    }

    private CompletionResult live(CompletionRequest request, CompletionListener listener, String name) {
        LivePolicies.Policy policy = policies.find(name).orElse(null);
        if (policy == null) {
            Path checkpoint = policies.successor(name)
                .map(LivePolicies.Successor::checkpoint)
                .orElseThrow(() -> new D3sException(ErrorCategory.RESOURCES, "policy_gone", "'" + name
                        + "' is not being trained any more: GET /v1/models lists its checkpoints."));
            return complete(request, listener, checkpoint);
        }
        Beginning beginning = new Beginning(listener);
        // The tokenizer of its own: the job closes its one when it ends.
        try (Tokenizer tokenizer = models.tokenizer(policy.directory())) {
            return call(request, Texts.of(policy.directory(), tokenizer), policy.engine(), null, beginning);
        } catch (IOException e) {
            throw unreadable(policy.directory(), e);
        } catch (D3sException e) {
            Path checkpoint = policies.successor(name).map(LivePolicies.Successor::checkpoint).orElse(null);
            if (e.code().equals(ServingEngine.MODEL_CLOSED) && checkpoint != null && !beginning.begun) {
                // the run has ended before this client heard anything of its completions
                return complete(request, listener, checkpoint);
            }
            throw e;
        }
    }

    private CompletionResult call(CompletionRequest request, Texts texts, ServingEngine engine,
            @Nullable String weights, CompletionListener listener) {
        List<CompletionResult.Prompt> prompts = request.prompts().stream().map(texts::read).toList();
        return new CompletionCall(request, prompts, texts.tokenizer(), weights, listener, load).run(engine);
    }

    /** Passes on what a client hears, and knows whether it has heard anything. */
    private static final class Beginning implements CompletionListener {
        private final CompletionListener client;
        private boolean begun;

        Beginning(CompletionListener client) {
            this.client = client;
        }

        @Override
        public void accepted(int prompt, CompletionResult.Prompt accepted) {
            begun = true;
            client.accepted(prompt, accepted);
        }

        @Override
        public void text(int choice, CompletionResult.Piece piece) {
            client.text(choice, piece);
        }

        @Override
        public void finished(int choice, FinishReason reason) {
            client.finished(choice, reason);
        }

        @Override
        public boolean cancelled() {
            return client.cancelled();
        }
    }

    /** The entry's engine; a new one when the last one has failed. */
    private ServingEngine open(Path directory, Served entry) {
        entry.opening.lock();
        try {
            ServingEngine engine = entry.engine;
            if (engine != null && engine.usable()) {
                return engine;
            }
            if (engine != null) {
                entry.engine = null;
                engine.close();
            }
            ModelOpener.OpenModel model = entry.model;
            if (model == null) {
                model = read(directory);
                entry.model = model;
                entry.texts = Texts.of(directory, model.tokenizer());
                entry.weights = identity(directory);
            }
            // Room first: two engines more than wanted may not fit into memory.
            evictOldest();
            engine = engines.open(model.config(), model.weights());
            entry.engine = engine;
            return engine;
        } finally {
            if (entry.engine == null) {
                // Could not be opened: it must not push out one that could.
                withdraw(directory, entry);
            }
            entry.opening.unlock();
        }
    }

    /** Names the weights by what their files look like from outside: the same model gives the same name after a restart. */
    private static String identity(Path directory) {
        long hash = 17;
        try (java.util.stream.Stream<Path> files = Files.list(directory)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".safetensors")).sorted().toList()) {
                hash = RolloutIdentity.mix(hash * 31 + file.getFileName().toString().hashCode());
                hash = RolloutIdentity.mix(hash * 31 + Files.size(file));
                hash = RolloutIdentity.mix(hash * 31 + Files.getLastModifiedTime(file).toMillis());
            }
        } catch (IOException e) {
            return "weights";
        }
        return "weights-" + Long.toHexString(hash);
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

    private ModelOpener.OpenModel read(Path directory) {
        try {
            return models.open(directory);
        } catch (IOException e) {
            throw unreadable(directory, e);
        }
    }

    private static D3sException unreadable(Path directory, IOException e) {
        return new D3sException(ErrorCategory.RESOURCES, "model_unreadable",
                "The model directory " + directory + " cannot be read: " + e.getMessage(), e);
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

    /** Tells those who wait for completions, and closes every engine when its last call has ended. */
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
        for (Served entry : all) {
            ServingEngine engine = entry.engine;
            if (engine != null) {
                engine.close();
                entry.engine = null;
            }
            release(entry);
        }
    }
}
