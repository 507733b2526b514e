package dev.d3s.server.dataset;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

import dev.hardwood.InputFile;

/**
 * A Parquet file that is read, not mapped into memory: where somebody cuts a mapped file off while it is read, the process ends; here
 * the reading fails. Thread-safe; the reader that it is given to closes it.
 */
final class ParquetInput implements InputFile {
    private final Path file;
    private final FileChannel channel;

    ParquetInput(Path file) throws IOException {
        this.file = file;
        this.channel = FileChannel.open(file, StandardOpenOption.READ);
    }

    @Override
    public void open() {
        // it is
    }

    @Override
    public ByteBuffer readRange(long offset, int length) throws IOException {
        if (offset < 0 || length < 0 || offset > channel.size() - length) {
            throw new IOException("it names " + length + " bytes at " + offset + " of " + channel.size());
        }
        // outside the heap, where the decompressing libraries read
        ByteBuffer bytes = ByteBuffer.allocateDirect(length);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, offset + bytes.position()) < 0) {
                throw new IOException("it became shorter while it was read");
            }
        }
        return bytes.flip();
    }

    @Override
    public long length() throws IOException {
        return channel.size();
    }

    @Override
    public String name() {
        return file.toString();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
