package dev.d3s.server.dataset;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * A file of JSON Lines or Parquet, compressed with gzip or not, as rows. Opening it walks over the file once and checks every row; what stays in memory is
 * where each row begins (16 bytes per row), and rows are read again when they are asked for. So the size of a file does not matter. What the file is
 * says its content, not its name. Rows that cannot be found by their place in the file, because it is compressed or Parquet, are
 * written once into a working file that nobody else sees and that is gone when it is closed, however the process ends.
 *
 * <p>Blank lines are passed over. The file must not change while it is open. Any thread may read; whoever opened it closes it.
 */
public final class Dataset implements AutoCloseable {
    /** A longer line is not a prompt that any model can take. */
    static final int MAX_LINE_BYTES = 1 << 26;
    /** What is kept of each row is held in memory. */
    private static final int MAX_ROWS = 20_000_000;

    private final Path file;
    private final RowKind kind;
    private final FileChannel channel;
    private final Index index;

    /** Looks at a row while its file is walked over. */
    @FunctionalInterface
    interface RowCheck {
        /** What is wrong with it, one sentence; {@code null} when nothing is. */
        @Nullable
        String problem(DatasetRow row);
    }

    private Dataset(Path file, RowKind kind, FileChannel channel, Index index) {
        this.file = file;
        this.kind = kind;
        this.channel = channel;
        this.index = index;
    }

    /**
     * Opens and checks a file.
     *
     * @throws D3sException code {@code invalid_row} with the first 20 malformed rows, or {@code empty_file}
     */
    public static Dataset open(Path file, RowKind kind) throws IOException {
        return open(file, kind, row -> null);
    }

    /** As {@link #open(Path, RowKind)}, with a further look at every row in the same walk over the file. */
    static Dataset open(Path file, RowKind kind, RowCheck check) throws IOException {
        RowSource source = RowSource.open(file);
        try {
            List<RowProblem> problems = new ArrayList<>();
            Index index = scan(source, kind, check, problems);
            if (!problems.isEmpty()) {
                throw RowProblem.failure(name(file), problems);
            }
            if (index.size == 0) {
                throw new D3sException(ErrorCategory.USER, "empty_file",
                        name(file) + " has no rows: give one JSON object such as {\"prompt\": \"...\"} per line.");
            }
            return new Dataset(file, kind, source.channel(), index);
        } catch (IOException | RuntimeException unusable) {
            source.channel().close();
            throw unusable;
        }
    }

    /** The first 20 malformed rows of a file; empty when {@link #open} would accept every row. */
    public static List<RowProblem> check(Path file, RowKind kind) throws IOException {
        return check(file, kind, row -> null).problems();
    }

    /** What a walk over a file finds: the rows that were read, malformed ones included, and the first 20 that cannot be used. */
    record Report(int rows, List<RowProblem> problems) {}

    /** As {@link #open(Path, RowKind, RowCheck)}, without keeping anything open. */
    static Report check(Path file, RowKind kind, RowCheck check) throws IOException {
        RowSource source = RowSource.open(file);
        try {
            List<RowProblem> problems = new ArrayList<>();
            Index index = scan(source, kind, check, problems);
            return new Report(index.size + problems.size(), List.copyOf(problems));
        } finally {
            source.channel().close();
        }
    }

    /** About how many bytes of rows there are in a file, which may be compressed. */
    public static long expectedSize(Path file) throws IOException {
        return RowSource.expectedSize(file);
    }

    /** Number of rows, at least 1. */
    public int size() {
        return index.size;
    }

    public Path file() {
        return file;
    }

    /** A row, counted from 0 in file order. */
    public DatasetRow row(int row) {
        ByteBuffer bytes = ByteBuffer.allocate(index.lengths[row]);
        try {
            long offset = index.offsets[row];
            while (bytes.hasRemaining()) {
                int count = channel.read(bytes, offset + bytes.position());
                if (count < 0) {
                    throw changed(row, null);
                }
            }
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
        try {
            return RowParser.parse(bytes.array(), index.lines[row], kind);
        } catch (RowParser.Malformed malformed) {
            throw changed(row, malformed);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    static String name(Path file) {
        return String.valueOf(file.getFileName());
    }

    private D3sException changed(int row, @Nullable Throwable cause) {
        return new D3sException(ErrorCategory.USER, "file_changed", name(file) + " changed at line "
                + index.lines[row] + " while it was in use: submit the job again and leave the file alone.", cause);
    }

    private static Index scan(RowSource source, RowKind kind, RowCheck check, List<RowProblem> problems)
            throws IOException {
        Index index = new Index();
        FileChannel channel = source.channel();
        LineReader lines = new LineReader(channel);
        while (problems.size() < RowProblem.LIMIT && lines.next()) {
            if (lines.blank()) {
                continue;
            }
            if (index.size == MAX_ROWS) {
                problems.add(new RowProblem(lines.number(), "The file has more than " + MAX_ROWS
                        + " rows: split it; a job reads its rows in random order anyway."));
                break;
            }
            if (lines.length() > MAX_LINE_BYTES) {
                problems.add(new RowProblem(lines.number(), "The line has " + lines.length()
                        + " bytes; a row can have " + MAX_LINE_BYTES + "."));
                continue;
            }
            int length = (int) lines.length();
            ByteBuffer bytes = ByteBuffer.allocate(length);
            while (bytes.hasRemaining() && channel.read(bytes, lines.start() + bytes.position()) >= 0) {
                // until the line is complete
            }
            try {
                String problem = check.problem(RowParser.parse(bytes.array(), lines.number(), kind));
                if (problem == null) {
                    index.add(lines.start(), length, lines.number());
                } else {
                    problems.add(new RowProblem(lines.number(), problem));
                }
            } catch (RowParser.Malformed malformed) {
                problems.add(new RowProblem(lines.number(), malformed.text()));
            }
        }
        if (problems.size() < RowProblem.LIMIT && source.failure() != null) {
            problems.add(new RowProblem(lines.number() + 1, source.failure()));
        }
        return index;
    }

    /** Where the rows are. */
    private static final class Index {
        private long[] offsets = new long[1024];
        private int[] lengths = new int[1024];
        private int[] lines = new int[1024];
        private int size;

        void add(long offset, int length, int line) {
            if (size == offsets.length) {
                int capacity = Math.multiplyExact(size, 2);
                offsets = Arrays.copyOf(offsets, capacity);
                lengths = Arrays.copyOf(lengths, capacity);
                lines = Arrays.copyOf(lines, capacity);
            }
            offsets[size] = offset;
            lengths[size] = length;
            lines[size] = line;
            size++;
        }
    }
}
