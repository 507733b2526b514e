package dev.d3s.server.dataset;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/**
 * Walks over the lines of a file as bytes, from start to end, and knows where each begins: the only part of the reader that looks at a file as a whole.
 * Holds one block of the file. Used by one thread; the channel belongs to whoever opened it.
 */
final class LineReader {
    private static final int BLOCK = 1 << 16;

    private final FileChannel channel;
    private final ByteBuffer block = ByteBuffer.allocate(BLOCK).limit(0);
    private long blockStart;
    private long lineStart;
    private long lineEnd;
    private int lineNumber;
    private boolean blank;

    LineReader(FileChannel channel) {
        this.channel = channel;
    }

    /** Moves to the next line; false at the end of the file. */
    boolean next() throws IOException {
        lineStart = blockStart + block.position();
        blank = true;
        while (true) {
            if (!block.hasRemaining() && !fill()) {
                lineEnd = blockStart + block.position();
                if (lineEnd == lineStart) {
                    return false;
                }
                lineNumber++;
                return true;
            }
            byte[] bytes = block.array();
            for (int at = block.position(); at < block.limit(); at++) {
                byte value = bytes[at];
                if (value == '\n') {
                    lineEnd = blockStart + at;
                    block.position(at + 1);
                    lineNumber++;
                    return true;
                }
                blank &= value == ' ' || value == '\t' || value == '\r';
            }
            block.position(block.limit());
        }
    }

    /** Offset of the current line's first byte. */
    long start() {
        return lineStart;
    }

    /** Bytes of the current line, without its line feed. */
    long length() {
        return lineEnd - lineStart;
    }

    /** Number of the current line, from 1. */
    int number() {
        return lineNumber;
    }

    /** Whether the current line is white space only. */
    boolean blank() {
        return blank;
    }

    private boolean fill() throws IOException {
        blockStart += block.limit();
        block.clear();
        int count = channel.read(block, blockStart);
        block.flip();
        return count > 0;
    }
}
