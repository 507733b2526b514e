package dev.d3s.server.registry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

import org.jboss.logging.Logger;

import dev.d3s.server.event.EventSignal;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.hub.Hub;
import dev.d3s.server.hub.HubReference;
import dev.d3s.server.registry.ModelStore.Claim;
import dev.d3s.server.registry.ModelStore.LostException;
import dev.d3s.server.registry.RegisteredModel.Failure;
import dev.d3s.server.store.DurableFiles;
import dev.d3s.server.store.IoFailures;
import dev.d3s.server.store.Stoppable;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * One download of a model by this server. Files arrive in a hidden directory beside the model's own, which appears when everything
 * is there and checked. The hidden one carries the number of the run, and a later run takes it over by renaming it: a server that
 * only slept finds its own no more. Works on a virtual thread, so that stopping it interrupts nobody else.
 */
final class ModelDownload {
    private static final Logger LOG = Logger.getLogger(ModelDownload.class);
    private static final String UNFINISHED = ".download-";

    private final Claim claim;
    private final RegisteredModel model;
    private final ModelStore models;
    private final EventSignal signal;
    private final ModelChecks checks;
    private final Hub hub;
    private final Path files;
    private final Stoppable work;
    /** Whether the model's directory is of this download; on its thread. */
    private boolean published;

    ModelDownload(Claim claim, ModelStore models, EventSignal signal, ModelChecks checks, Hub hub) {
        this.claim = claim;
        this.model = claim.model();
        this.models = models;
        this.signal = signal;
        this.checks = checks;
        this.hub = hub;
        this.files = model.directory().resolveSibling(UNFINISHED + model.key() + "-" + claim.run());
        this.work = new Stoppable(Thread.ofVirtual().name("d3s-download-" + model.name()), this::toItsEnd);
    }

    Claim claim() {
        return claim;
    }

    @Override
    public String toString() {
        return "the download of " + model.name();
    }

    /** Ends it soon; its files stay for whoever goes on. */
    void stop() {
        work.stop();
    }

    /** Downloads, to whatever end. */
    void run() {
        work.run();
    }

    /** Waits for the end. */
    void join() {
        work.join();
    }

    private void toItsEnd() {
        try {
            if (!work.stopped()) {
                download();
            }
        } catch (LostException e) {
            work.stop();
            LOG.warn(e.getMessage());
        } catch (InterruptedException e) {
            LOG.infof("The download of %s was interrupted.", model.name());
        } catch (D3sException e) {
            failed(e, new Failure(e.code(), e.text()));
        } catch (IOException e) {
            D3sException words = IoFailures.exception("storing the model " + model.name(), e);
            failed(e, new Failure(words.code(), words.text()));
        } catch (RuntimeException | Error e) { // whatever it is: the model's row says so
            failed(e, new Failure("internal_error", "The server failed (" + e.getClass().getSimpleName()
                    + "); its log has the details under model " + model.name() + "."));
        } finally {
            models.forget(claim);
            if (work.stopped()) {
                leave();
            }
            signal.raise();
        }
    }

    /** Somebody else may go on, or does already; or nobody will, because the model is gone. */
    private void leave() {
        try {
            Thread.interrupted(); // nothing more is to be broken off
            models.release(claim.permit());
            if (models.superseded(claim)) {
                DurableFiles.deleteTree(files);
                if (published && models.model(model.key()).isEmpty()) {
                    DurableFiles.deleteTree(model.directory());
                }
            }
        } catch (IOException | D3sException e) {
            LOG.warnf("The download of %s could not be given up: %s", model.name(), e.getMessage());
        }
    }

    private void failed(Throwable cause, Failure failure) {
        if (work.stopped()) {
            return; // its connections were taken away
        }
        if (cause instanceof D3sException known && known.category() != ErrorCategory.INTERNAL) {
            LOG.warnf("The model %s could not be downloaded: %s", model.name(), failure.message());
        } else {
            LOG.errorf(cause, "The model %s could not be downloaded: %s", model.name(), failure.message());
        }
        try {
            models.failed(claim, failure);
        } catch (LostException e) {
            LOG.warn(e.getMessage());
        } catch (D3sException e) {
            LOG.errorf(e, "That could not be stored; the download of %s begins again when the database is back.",
                    model.name());
        }
    }

    private void download() throws InterruptedException, IOException {
        String source = model.source();
        if (source == null) {
            throw new IllegalStateException(model.name());
        }
        boolean begun = takeOver();
        // the process may have ended between the appearance of the directory and this being written down
        if (begun || model.totalBytes() == null || !Files.isDirectory(model.directory())) {
            hub.download(HubReference.parse(source), model.commit(), files,
                    directory -> refuse(checks.problemsBesideWeights(directory)),
                    new ModelProgress(models, signal, claim))
                .run();
            refuse(checks.problems(files));
            if (Files.exists(model.directory())) {
                throw new D3sException(ErrorCategory.USER, "model_exists",
                        "The download is complete, but " + model.directory()
                                + " has appeared meanwhile: move it away, then register the model again.");
            }
            models.note(claim, Level.INFO, "All files of " + model.name() + " are there and checked.");
            DurableFiles.publish(files, model.directory());
            published = true;
        }
        models.ready(claim, "The model is ready: " + model.name() + ".");
        LOG.infof("The model %s was downloaded from %s.", model.name(), source);
    }

    /**
     * Goes on with what the newest earlier run left.
     *
     * @return whether there was something
     */
    private boolean takeOver() throws IOException {
        List<Path> left = unfinished(model);
        if (!left.isEmpty() && !left.getLast().equals(files)) {
            Files.move(left.getLast(), files, StandardCopyOption.ATOMIC_MOVE);
        }
        return !left.isEmpty();
    }

    /** What downloads of a model have left, the newest last. */
    private static List<Path> unfinished(RegisteredModel model) throws IOException {
        Path parent = model.directory().toAbsolutePath().getParent();
        if (parent == null || !Files.isDirectory(parent)) {
            return List.of();
        }
        String first = UNFINISHED + model.key();
        try (Stream<Path> paths = Files.list(parent)) {
            List<Path> found = new ArrayList<>(paths.filter(path -> {
                String name = String.valueOf(path.getFileName());
                return name.equals(first) || name.startsWith(first + "-");
            }).toList());
            // by number, which has no leading zeros
            found.sort(Comparator.comparingInt((Path path) -> path.toString().length()).thenComparing(Path::toString));
            return found;
        }
    }

    /** Deletes what downloads of a model have left. */
    static void deleteUnfinished(RegisteredModel model) throws IOException {
        for (Path path : unfinished(model)) {
            DurableFiles.deleteTree(path);
        }
    }

    /** Problems are about files at the place where nobody will find them. */
    private void refuse(List<String> problems) {
        if (!problems.isEmpty()) {
            throw new D3sException(ErrorCategory.USER, "invalid_model",
                    String.join(" ", problems).replace(files + "/", ""));
        }
    }
}
