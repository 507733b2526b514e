package dev.d3s.server.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * One download of a model: finds out the commit and its files, makes sure that they fit on the disk, downloads the small ones, lets somebody look at
 * them, and downloads the weights, several files at once. Interrupting its thread stops it; what is there stays for the next one.
 */
public final class HubDownload {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** What a disk should have left. */
    private static final long SPARE = 64L << 20;

    private final Hub hub;
    private final HubReference reference;
    private final @Nullable String knownCommit;
    private final Path directory;
    private final Check check;
    private final Listener listener;

    HubDownload(Hub hub, HubReference reference, @Nullable String knownCommit, Path directory, Check check,
            Listener listener) {
        this.hub = hub;
        this.reference = reference;
        this.knownCommit = knownCommit;
        this.directory = directory;
        this.check = check;
        this.listener = listener;
    }

    /** Looks at a model that has everything but its weights. */
    @FunctionalInterface
    public interface Check {
        /** @throws dev.d3s.spi.D3sException when its weights are not worth downloading */
        void check(Path directory);
    }

    /** Hears how far a download is. Called by several threads. */
    public interface Listener {
        /** The commit is known: a later attempt must be of it, too. */
        void pinned(String commit);

        /**
         * All files are known.
         *
         * @param files how many
         * @param bytes of all files
         * @param present bytes that an earlier attempt left
         */
        void planned(int files, long bytes, long present);

        /** @param bytes that have come; fewer than 0 when some turned out to be damaged */
        void received(long bytes);

        /** A file is whole and its checksum is right. */
        void finished(HubFile file);

        /** Something went wrong that could be mended. */
        void warning(String text);
    }

    /**
     * Downloads. On return, the directory has every file that {@link dev.d3s.server.model.ModelDirectory} needs.
     *
     * @throws dev.d3s.spi.D3sException saying what is wrong and what to do
     * @throws InterruptedException when the thread was interrupted
     */
    public void run() throws InterruptedException {
        String commit = knownCommit == null ? hub.commit(reference) : knownCommit;
        listener.pinned(commit);
        List<HubFile> repository = hub.files(reference, commit);
        NeededFiles needed = NeededFiles.of(reference, repository);
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw HubFailures.writing(directory, e);
        }
        List<HubFile> weights = needed.weights();
        HubFile index = needed.index();
        if (index != null) {
            // before anything is counted: it is small, and it says what else there is to count
            new Transfers(hub, reference, commit, directory, new Quiet(listener)).download(index);
            weights = NeededFiles.shards(reference, repository, read(directory.resolve(index.path())));
        }
        Transfers transfers = new Transfers(hub, reference, commit, directory, listener);
        List<HubFile> all = new ArrayList<>(needed.small());
        all.addAll(weights);
        long bytes = all.stream().mapToLong(HubFile::size).sum();
        long present = all.stream().mapToLong(transfers::present).sum();
        listener.planned(all.size(), bytes, present);
        checkSpace(bytes - present);
        inParallel(transfers, needed.small());
        check.check(directory);
        inParallel(transfers, weights);
    }

    private JsonNode read(Path file) {
        try {
            return JSON.readTree(file.toFile());
        } catch (JsonProcessingException e) {
            throw HubFailures.broken(reference, "has a " + file.getFileName() + " that is not JSON");
        } catch (IOException e) {
            throw HubFailures.writing(file, e);
        }
    }

    private void checkSpace(long missing) {
        long free = hub.freeSpace(directory);
        if (missing > 0 && free < missing + SPARE) {
            throw HubFailures.noSpace(directory, missing + SPARE, free);
        }
    }

    /** The first failure stops the other files, too. */
    private void inParallel(Transfers transfers, List<HubFile> files) throws InterruptedException {
        ExecutorService threads = Executors.newFixedThreadPool(hub.settings().parallelFiles(),
                Thread.ofVirtual().name("d3s-hub-", 0).factory());
        try {
            ExecutorCompletionService<HubFile> running = new ExecutorCompletionService<>(threads);
            for (HubFile file : files) {
                running.submit(() -> {
                    transfers.download(file);
                    return file;
                });
            }
            for (int done = 0; done < files.size(); done++) {
                running.take().get();
            }
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException failure -> throw failure;
                case Error failure -> throw failure;
                case null, default -> throw new IllegalStateException(e); // transfers throw nothing else
            }
        } finally {
            // interruption ends connections, files and pauses at once; closing waits for that
            threads.shutdownNow();
            threads.close();
        }
    }

    /** Passes warnings on and nothing that is counted. */
    private record Quiet(Listener listener) implements Listener {
        @Override
        public void pinned(String commit) {}

        @Override
        public void planned(int files, long bytes, long present) {}

        @Override
        public void received(long bytes) {}

        @Override
        public void finished(HubFile file) {}

        @Override
        public void warning(String text) {
            listener.warning(text);
        }
    }
}
