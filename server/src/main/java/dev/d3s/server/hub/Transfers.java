package dev.d3s.server.hub;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import dev.d3s.server.hub.HubConnection.Answer;
import dev.d3s.server.hub.HubDownload.Listener;

/**
 * Downloads the files of one commit into a directory, one at a call. Until it is whole and its checksum is right, a file is called
 * {@code <name>.incomplete}; such a file is gone on with, by this process or a later one. Thread-safe for different files.
 */
final class Transfers {
    static final String INCOMPLETE = ".incomplete";
    private static final int ROUNDS = 2;
    private static final Pattern CONTENT_RANGE = Pattern.compile("bytes (\\d+)-\\d+/(\\d+|\\*)");

    private final Hub hub;
    private final HubReference reference;
    private final String commit;
    private final Path directory;
    private final Listener listener;

    Transfers(Hub hub, HubReference reference, String commit, Path directory, Listener listener) {
        this.hub = hub;
        this.reference = reference;
        this.commit = commit;
        this.directory = directory;
        this.listener = listener;
    }

    Path whole(HubFile file) {
        return directory.resolve(file.path());
    }

    private Path incomplete(HubFile file) {
        return directory.resolve(file.path() + INCOMPLETE);
    }

    /** Bytes of a file that an earlier attempt left. */
    long present(HubFile file) {
        try {
            for (Path path : new Path[]{whole(file), incomplete(file)}) {
                if (Files.isRegularFile(path)) {
                    return Math.min(file.size(), Files.size(path));
                }
            }
            return 0;
        } catch (IOException e) {
            return 0; // whoever reads it says why
        }
    }

    /** Whether the file is there; it has its name only since its checksum was right. */
    boolean done(HubFile file) {
        return Files.isRegularFile(whole(file)) && present(file) == file.size();
    }

    /** Downloads what is missing of a file and checks all of it. */
    void download(HubFile file) throws InterruptedException {
        if (done(file)) {
            return;
        }
        Path part = incomplete(file);
        String actual = "";
        for (int round = 1; round <= ROUNDS; round++) {
            try (Partial partial = new Partial(file, part)) {
                receive(file, partial);
                actual = partial.checksum();
                if (actual.equals(file.checksum())) {
                    partial.force();
                }
            } catch (IOException e) {
                stopIfInterrupted();
                throw HubFailures.writing(part, e);
            }
            if (actual.equals(file.checksum())) {
                publish(file, part);
                listener.finished(file);
                return;
            }
            discard(file, part);
            if (round < ROUNDS) {
                listener.warning("The file " + file.path() + " was damaged on the way: its " + file.checksumName()
                        + " should be " + file.checksum() + " but is " + actual + "; it is downloaded once more.");
            }
        }
        throw HubFailures.checksum(file, actual);
    }

    private void receive(HubFile file, Partial partial) throws IOException, InterruptedException {
        Patience patience = hub.patience();
        while (partial.position < file.size()) {
            long before = partial.position;
            try {
                attempt(file, partial);
                if (partial.position < file.size()) {
                    throw new HubFailures.Passing(
                            "the connection ended after " + partial.position + " of " + file.size()
                                    + " bytes of " + file.path(),
                            null);
                }
            } catch (WriteFailed e) {
                throw e.failure;
            } catch (IOException e) {
                stopIfInterrupted();
                if (partial.position > before) {
                    patience.refresh();
                }
                if (!patience.next(e)) {
                    throw HubFailures.unreachable(reference, hub.endpoint(), patience.failures(), e);
                }
            }
        }
    }

    private void attempt(HubFile file, Partial partial) throws IOException, InterruptedException {
        try (Answer answer = hub.connection().get(hub.content(reference, commit, file), partial.position)) {
            checkIdentity(file, answer);
            switch (answer.status()) {
                case 200 -> partial.restart();
                case 206 -> {
                    Matcher range = CONTENT_RANGE.matcher(String.valueOf(answer.header("Content-Range")));
                    if (!range.matches() || Long.parseLong(range.group(1)) != partial.position) {
                        partial.restart();
                        throw new HubFailures.Passing("another part of " + file.path() + " came than was asked for",
                                null);
                    }
                }
                case 416 -> {
                    partial.restart();
                    throw new HubFailures.Passing("the hub cannot go on with " + file.path(), null);
                }
                default -> {
                    if (!answer.fromHub()) {
                        // an address that the hub signed for a while; the next attempt asks for a new one
                        throw new HubFailures.Passing("the host of " + file.path() + " answered with status "
                                + answer.status(), null);
                    }
                    throw HubFailures.answered(reference, hub.endpoint(), hub.settings().token() != null, file.path(),
                            answer);
                }
            }
            byte[] buffer = new byte[1 << 16];
            try (IdleWatch watch = new IdleWatch(answer.body(), hub.settings().idle())) {
                for (int count = watch.read(buffer); count >= 0; count = watch.read(buffer)) {
                    partial.append(buffer, count);
                }
            }
        }
    }

    /** What the hub says about the file it is about to send; the checksum says the same later, when all was sent. */
    private void checkIdentity(HubFile file, Answer answer) {
        String answered = answer.header("X-Repo-Commit");
        if (answered != null && !answered.equals(commit)) {
            throw HubFailures.broken(reference, "has the file " + file.path() + " at commit "
                    + HubFile.printable(answered) + ", but commit " + commit + " was asked for");
        }
        String size = answer.header("X-Linked-Size");
        if (size != null && !size.equals(Long.toString(file.size()))) {
            throw HubFailures.broken(reference, "has the file " + file.path() + " with " + HubFile.printable(size)
                    + " bytes, but its listing says " + file.size());
        }
        String linked = answer.header("X-Linked-Etag");
        String etag = linked == null ? null : linked.replace("W/", "").replace("\"", "");
        if (etag != null && file.sha256() != null && etag.length() == file.sha256().length()
                && !etag.equals(file.sha256())) {
            throw HubFailures.broken(reference, "has another file " + file.path() + " (" + HubFile.printable(etag)
                    + ") than its listing says (" + file.sha256() + ")");
        }
    }

    private void publish(HubFile file, Path part) {
        try {
            Files.move(part, whole(file), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw HubFailures.writing(whole(file), e);
        }
    }

    private void discard(HubFile file, Path part) {
        try {
            listener.received(-Math.min(file.size(), Files.size(part)));
            Files.delete(part);
        } catch (IOException e) {
            throw HubFailures.writing(part, e);
        }
    }

    /** Ends the thread's work when somebody wants that; its interruption may look like a failure of a file or a connection. */
    static void stopIfInterrupted() throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
    }

    /** Not the connection, the disk: another attempt would not help. */
    private static final class WriteFailed extends IOException {
        private static final long serialVersionUID = 1L;

        private final IOException failure;

        WriteFailed(IOException failure) {
            super(failure);
            this.failure = failure;
        }
    }

    /** A file that is not whole yet, with the digest of what is there. */
    private final class Partial implements AutoCloseable {
        private final HubFile file;
        private final FileChannel channel;
        private MessageDigest digest;
        private long position;

        Partial(HubFile file, Path part) throws IOException {
            this.file = file;
            this.digest = file.digest();
            this.channel = FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.READ,
                    StandardOpenOption.WRITE);
            try {
                if (channel.size() > file.size()) {
                    channel.truncate(0);
                }
                ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
                while (channel.read(buffer) >= 0) {
                    digest.update(buffer.flip());
                    buffer.clear();
                }
                position = channel.position();
            } catch (IOException e) {
                channel.close();
                throw e;
            }
        }

        void append(byte[] bytes, int count) throws IOException {
            if (count > file.size() - position) {
                throw HubFailures.broken(reference, "has more bytes in " + file.path() + " than the " + file.size()
                        + " that its listing says");
            }
            try {
                ByteBuffer buffer = ByteBuffer.wrap(bytes, 0, count);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
            } catch (IOException e) {
                throw new WriteFailed(e);
            }
            digest.update(bytes, 0, count);
            position += count;
            listener.received(count);
        }

        /** The whole file comes, from its beginning. */
        void restart() throws IOException {
            try {
                channel.truncate(0);
            } catch (IOException e) {
                throw new WriteFailed(e);
            }
            listener.received(-position);
            digest = file.digest();
            position = 0;
        }

        String checksum() {
            return HexFormat.of().formatHex(digest.digest());
        }

        void force() throws IOException {
            channel.force(true);
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}
