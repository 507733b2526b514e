package dev.d3s.server.registry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

import org.jboss.logging.Logger;

import dev.d3s.server.event.EventSignal;
import dev.d3s.server.hub.Hub;
import dev.d3s.server.hub.HubReference;
import dev.d3s.server.registry.RegisteredModel.Failure;
import dev.d3s.server.store.DurableFiles;
import dev.d3s.server.store.IoFailures;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * Downloads registered models, a few at a time, each on a virtual thread. Files arrive in a hidden directory beside the model's own,
 * which appears when everything is there and checked. A download that is interrupted by the end of the server goes on at its next
 * start. Thread-safe; closed by {@link ModelRegistry}.
 */
final class ModelDownloads implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(ModelDownloads.class);
    private static final int AT_ONCE = 2;

    private final ModelStore models;
    private final EventSignal signal;
    private final ModelChecks checks;
    private final Hub hub;
    private final Semaphore turns = new Semaphore(AT_ONCE, true);
    private final Map<String, Thread> running = new ConcurrentHashMap<>();
    private volatile boolean closed;

    ModelDownloads(ModelStore models, EventSignal signal, ModelChecks checks, Hub hub) {
        this.models = models;
        this.signal = signal;
        this.checks = checks;
        this.hub = hub;
    }

    /** Where the files of a download are until all of them are there. */
    static Path unfinished(RegisteredModel model) {
        return model.directory().resolveSibling(".download-" + model.key());
    }

    /** Begins a download, or goes on with one. */
    void start(RegisteredModel model) {
        running.computeIfAbsent(model.key(),
                key -> Thread.ofVirtual().name("d3s-download-" + model.name()).start(() -> run(model)));
    }

    /** Ends a download and waits for its end; its files stay. */
    void cancel(String key) {
        Thread thread = running.get(key);
        if (thread != null) {
            thread.interrupt();
            join(thread);
        }
    }

    @Override
    public void close() {
        closed = true;
        List<Thread> threads = List.copyOf(running.values());
        threads.forEach(Thread::interrupt);
        threads.forEach(ModelDownloads::join);
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run(RegisteredModel model) {
        try {
            turns.acquire();
            try {
                download(model);
            } finally {
                turns.release();
            }
        } catch (InterruptedException e) {
            LOG.infof("The download of %s was interrupted.", model.name());
        } catch (D3sException e) {
            failed(model, e, new Failure(e.code(), e.text()));
        } catch (IOException e) {
            D3sException words = IoFailures.exception("storing the model " + model.name(), e);
            failed(model, e, new Failure(words.code(), words.text()));
        } catch (RuntimeException | Error e) { // the thread is its own: nobody else would hear of it
            failed(model, e, new Failure("internal_error", "The server failed (" + e.getClass().getSimpleName()
                    + "); its log has the details under model " + model.name() + "."));
        } finally {
            running.remove(model.key());
            signal.raise();
        }
    }

    private void failed(RegisteredModel model, Throwable cause, Failure failure) {
        if (closed) {
            return; // the connections were taken away; it goes on at the next start
        }
        if (cause instanceof D3sException known && known.category() != ErrorCategory.INTERNAL) {
            LOG.warnf("The model %s could not be downloaded: %s", model.name(), failure.message());
        } else {
            LOG.errorf(cause, "The model %s could not be downloaded: %s", model.name(), failure.message());
        }
        try {
            models.failed(model.key(), failure);
        } catch (D3sException e) {
            LOG.errorf(e, "That could not be stored; the download of %s goes on at the next start.", model.name());
        }
    }

    private void download(RegisteredModel model) throws InterruptedException, IOException {
        Path files = unfinished(model);
        String source = model.source();
        if (source == null) {
            throw new IllegalStateException(model.name());
        }
        // the process may have ended between the appearance of the directory and this being written down
        boolean appeared = Files.isDirectory(model.directory()) && !Files.exists(files) && model.totalBytes() != null;
        if (!appeared) {
            hub.download(HubReference.parse(source), model.commit(), files,
                    directory -> refuse(model, checks.problemsBesideWeights(directory)),
                    new ModelProgress(models, signal, model.key(), model.name()))
                .run();
            refuse(model, checks.problems(files));
            if (Files.exists(model.directory())) {
                throw new D3sException(ErrorCategory.USER, "model_exists",
                        "The download is complete, but " + model.directory()
                                + " has appeared meanwhile: move it away, then register the model again.");
            }
            DurableFiles.publish(files, model.directory());
        }
        models.ready(model.key(), "The model is ready: " + model.name() + ".");
        LOG.infof("The model %s was downloaded from %s.", model.name(), source);
    }

    /** Problems are about files at the place where nobody will find them. */
    private static void refuse(RegisteredModel model, List<String> problems) {
        if (!problems.isEmpty()) {
            throw new D3sException(ErrorCategory.USER, "invalid_model",
                    String.join(" ", problems).replace(unfinished(model) + "/", ""));
        }
    }
}
