package dev.d3s.server.tracking;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Reads TensorBoard's event files from their definition, with nothing that writes them. */
final class EventFileReader {
    /** @param version of the file, in its first event; empty in the others */
    record Event(double wallTime, long step, String version, Map<String, Float> scalars) {}

    private EventFileReader() {}

    static List<Event> read(Path file) throws IOException {
        List<Event> events = new ArrayList<>();
        try (InputStream in = Files.newInputStream(file); DataInputStream data = new DataInputStream(in)) {
            while (true) {
                byte[] head = data.readNBytes(12);
                if (head.length == 0) {
                    return events;
                }
                long length = little(head, 0, 8);
                check(little(head, 8, 4), head, 8);
                byte[] content = data.readNBytes((int) length);
                byte[] tail = data.readNBytes(4);
                if (tail.length < 4) {
                    throw new EOFException("half a record");
                }
                check(little(tail, 0, 4), content, content.length);
                events.add(event(content));
            }
        }
    }

    private static long little(byte[] bytes, int from, int count) {
        long value = 0;
        for (int i = 0; i < count; i++) {
            value |= (bytes[from + i] & 0xffL) << (8 * i);
        }
        return value;
    }

    private static void check(long stored, byte[] bytes, int length) {
        // CRC-32C, bit by bit
        int crc = ~0;
        for (int i = 0; i < length; i++) {
            crc ^= bytes[i] & 0xff;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc >>> 1) ^ ((crc & 1) == 0 ? 0 : 0x82f63b78);
            }
        }
        long value = ~crc & 0xffffffffL;
        long masked = (((value >>> 15) | (value << 17)) + 0xa282ead8L) & 0xffffffffL;
        if (masked != stored) {
            throw new AssertionError("checksum " + stored + " should be " + masked);
        }
    }

    /** Fields of a protobuf message, in order. */
    private static final class Message {
        private final byte[] bytes;
        private int at;
        int field;
        int type;

        Message(byte[] bytes) {
            this.bytes = bytes;
        }

        boolean next() {
            if (at == bytes.length) {
                return false;
            }
            long key = varint();
            field = (int) (key >>> 3);
            type = (int) (key & 7);
            return true;
        }

        long varint() {
            long value = 0;
            for (int shift = 0;; shift += 7) {
                byte next = bytes[at++];
                value |= (next & 0x7fL) << shift;
                if (next >= 0) {
                    return value;
                }
            }
        }

        long fixed(int count) {
            at += count;
            return little(bytes, at - count, count);
        }

        byte[] content() {
            int length = (int) varint();
            at += length;
            return java.util.Arrays.copyOfRange(bytes, at - length, at);
        }
    }

    private static Event event(byte[] content) {
        Message message = new Message(content);
        double wallTime = 0;
        long step = 0;
        String version = "";
        Map<String, Float> scalars = new TreeMap<>();
        while (message.next()) {
            switch (message.field) {
                case 1 -> wallTime = Double.longBitsToDouble(message.fixed(8));
                case 2 -> step = message.varint();
                case 3 -> version = new String(message.content(), StandardCharsets.UTF_8);
                case 5 -> {
                    Message summary = new Message(message.content());
                    while (summary.next()) {
                        Message value = new Message(summary.content());
                        String tag = "";
                        while (value.next()) {
                            if (value.field == 1) {
                                tag = new String(value.content(), StandardCharsets.UTF_8);
                            } else {
                                scalars.put(tag, Float.intBitsToFloat((int) value.fixed(4)));
                            }
                        }
                    }
                }
                default -> throw new AssertionError("field " + message.field);
            }
        }
        return new Event(wallTime, step, version, scalars);
    }
}
