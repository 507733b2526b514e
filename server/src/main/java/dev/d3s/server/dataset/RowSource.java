package dev.d3s.server.dataset;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * The rows of a file as JSON Lines in a file: the file itself, or a working file that they were written into, one after the other, because the file is
 * compressed with gzip or Parquet. A working file has no name any more when it is in use: nobody else sees it, and the system frees its
 * space when it is closed or the process ends.
 *
 * @param channel whoever asked for it closes it
 * @param failure why the rows end early, one sentence; {@code null} when they do not
 */
record RowSource(FileChannel channel, @Nullable String failure) {
    private static final int BLOCK = 1 << 16;
    /** Of compressed text. */
    private static final int USUAL_RATIO = 5;
    /** What a working file leaves free on its disk. */
    private static final long SPACE_LEFT = 1L << 30;
    /** A file may unpack to this, and to so many times its own size; text that somebody wrote stays far below. */
    private static final long UNPACKED = 256L << 20;
    private static final int MOST_UNPACKED_TIMES = 200;
    private static final long SPACE_CHECKED_EVERY = 1L << 26;

    private enum Format {
        LINES, GZIP, PARQUET
    }

    static RowSource open(Path file) throws IOException {
        return open(file, UNPACKED);
    }

    /** @param unpacked bytes that even a tiny file may unpack to */
    static RowSource open(Path file, long unpacked) throws IOException {
        long most = unpacked + MOST_UNPACKED_TIMES * Files.size(file);
        return switch (format(file)) {
            case LINES -> new RowSource(FileChannel.open(file, StandardOpenOption.READ), null);
            case GZIP -> unpacked(file, most);
            case PARQUET -> written(directory(file), file, most);
        };
    }

    /** About how many bytes of lines there are. */
    static long expectedSize(Path file) throws IOException {
        return Files.size(file) * (format(file) == Format.LINES ? 1 : USUAL_RATIO);
    }

    private static Format format(Path file) throws IOException {
        try (InputStream input = Files.newInputStream(file)) {
            byte[] start = input.readNBytes(4);
            if (start.length >= 2 && start[0] == 0x1F && start[1] == (byte) 0x8B) {
                return Format.GZIP;
            }
            return start.length == 4 && start[0] == 'P' && start[1] == 'A' && start[2] == 'R' && start[3] == '1'
                    ? Format.PARQUET
                    : Format.LINES;
        }
    }

    private static RowSource unpacked(Path file, long most) throws IOException {
        Path directory = directory(file);
        Path working = Files.createTempFile(directory, ".rows-", ".tmp");
        try {
            String failure = null;
            try (OutputStream output = Files.newOutputStream(working);
                    InputStream input = new GZIPInputStream(Files.newInputStream(file), BLOCK)) {
                copy(input, new Limited(output, directory, file, most));
            } catch (ZipException | EOFException damaged) {
                failure = "The gzip data ends or is damaged here (" + damaged.getMessage()
                        + "): compress the file again.";
            }
            return switch (format(working)) {
                case LINES -> new RowSource(FileChannel.open(working, StandardOpenOption.READ), failure);
                case PARQUET -> written(directory, working, most);
                case GZIP -> throw new D3sException(ErrorCategory.USER, "invalid_row",
                        Dataset.name(file) + " is compressed twice: compress it once.");
            };
        } finally {
            Files.deleteIfExists(working);
        }
    }

    private static RowSource written(Path directory, Path parquet, long most) throws IOException {
        Path working = Files.createTempFile(directory, ".rows-", ".tmp");
        FileChannel channel = FileChannel.open(working, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try {
            Files.delete(working);
            String failure = ParquetRows.write(parquet,
                    new Limited(Channels.newOutputStream(channel), directory, parquet, most));
            return new RowSource(channel, failure);
        } catch (IOException | RuntimeException unreadable) {
            channel.close();
            throw unreadable;
        }
    }

    private static void copy(InputStream input, OutputStream limited) throws IOException {
        byte[] block = new byte[BLOCK];
        for (int count = input.read(block); count >= 0; count = input.read(block)) {
            limited.write(block, 0, count);
        }
    }

    /** Next to the file, where there is room for data; where that cannot be written to, where the system keeps temporary files. */
    private static Path directory(Path file) {
        Path parent = file.toAbsolutePath().getParent();
        return parent != null && Files.isWritable(parent) ? parent : Path.of(System.getProperty("java.io.tmpdir"));
    }

    /** Ends at its limit, and before the disk is full: a small file can unpack to a very large one. */
    private static final class Limited extends OutputStream {
        private final OutputStream output;
        private final Path directory;
        private final Path file;
        private final long most;
        private long written;
        private long sinceCheck = SPACE_CHECKED_EVERY;

        Limited(OutputStream output, Path directory, Path file, long most) {
            this.output = output;
            this.directory = directory;
            this.file = file;
            this.most = most;
        }

        @Override
        public void write(int value) throws IOException {
            write(new byte[]{(byte) value}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            sinceCheck += length;
            written += length;
            if (written > most) {
                throw new D3sException(ErrorCategory.USER, "invalid_row", Dataset.name(file) + " unpacks to more than "
                        + most + " bytes, " + MOST_UNPACKED_TIMES
                        + " times its own size and more: if it is no mistake, upload the rows without compression.");
            }
            if (sinceCheck >= SPACE_CHECKED_EVERY) {
                sinceCheck = 0;
                if (Files.getFileStore(directory).getUsableSpace() < SPACE_LEFT) {
                    throw new D3sException(ErrorCategory.RESOURCES, "disk_full", "The disk of " + directory
                            + " has less than 1 GiB left, too little to unpack the rows of the file: free some space.");
                }
            }
            output.write(bytes, offset, length);
        }
    }
}
