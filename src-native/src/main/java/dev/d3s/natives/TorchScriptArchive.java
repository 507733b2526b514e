package dev.d3s.natives;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * The file in which libtorch expects a program: a zip of four stored entries around the program's text. The program is one
 * module class without attributes, so the pickle that would hold its parameters only names the class.
 */
final class TorchScriptArchive {
    private static final String ROOT = "d3s/";

    private TorchScriptArchive() {}

    /**
     * @param className the module class that the text declares
     * @param text TorchScript as libtorch itself serialises it
     * @return bytes that {@code torch::jit::load} accepts; the same for the same arguments
     */
    static byte[] of(String className, String text) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            store(zip, "data.pkl", module(className));
            store(zip, "code/__torch__.py", text.getBytes(StandardCharsets.UTF_8));
            store(zip, "constants.pkl", emptyTuple());
            store(zip, "version", "3\n".getBytes(StandardCharsets.US_ASCII));
        } catch (IOException e) {
            throw new UncheckedIOException("Writing to memory cannot fail", e);
        }
        return bytes.toByteArray();
    }

    /** Pickle, protocol 2: an instance of the class with the state {@code {"training": True}}. */
    private static byte[] module(String className) {
        ByteArrayOutputStream pickle = new ByteArrayOutputStream();
        protocol(pickle);
        ascii(pickle, "c__torch__\n" + className + "\n"); // GLOBAL
        memoize(pickle, 0);
        ascii(pickle, ")"); // EMPTY_TUPLE: the constructor's arguments
        pickle.write(0x81); // NEWOBJ
        ascii(pickle, "}("); // EMPTY_DICT, MARK
        String key = "training";
        ascii(pickle, "X"); // BINUNICODE, length in 4 bytes, little end first
        pickle.write(key.length());
        pickle.write(0);
        pickle.write(0);
        pickle.write(0);
        ascii(pickle, key);
        memoize(pickle, 1);
        pickle.write(0x88); // NEWTRUE
        ascii(pickle, "ub"); // SETITEMS, BUILD
        memoize(pickle, 2);
        ascii(pickle, "."); // STOP
        return pickle.toByteArray();
    }

    private static byte[] emptyTuple() {
        ByteArrayOutputStream pickle = new ByteArrayOutputStream();
        protocol(pickle);
        ascii(pickle, ").");
        return pickle.toByteArray();
    }

    private static void protocol(ByteArrayOutputStream pickle) {
        pickle.write(0x80);
        pickle.write(2);
    }

    private static void memoize(ByteArrayOutputStream pickle, int index) {
        ascii(pickle, "q"); // BINPUT
        pickle.write(index);
    }

    private static void ascii(ByteArrayOutputStream pickle, String text) {
        pickle.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** libtorch maps entries in place, so they are not compressed. */
    private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
        CRC32 checksum = new CRC32();
        checksum.update(content);
        ZipEntry entry = new ZipEntry(ROOT + name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        entry.setCompressedSize(content.length);
        entry.setCrc(checksum.getValue());
        entry.setTime(0);
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }
}
