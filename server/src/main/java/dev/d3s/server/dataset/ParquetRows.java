package dev.d3s.server.dataset;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqMap;
import dev.hardwood.row.PqStruct;
import dev.hardwood.row.StructAccessor;

/**
 * Writes the rows of a Parquet file as JSON Lines, one line per row. Members without value are left out: a column cannot tell them from
 * absent ones. Bytes become text when they are UTF-8 and Base64 otherwise; dates, times and UUIDs become text. Reads a row group at a time.
 */
final class ParquetRows {
    private static final JsonFactory JSON = new JsonFactory();
    private static final Duration LONGEST_SILENCE = Duration.ofSeconds(60);

    private ParquetRows() {}

    /** @return why the rows end early, one sentence; {@code null} when they do not */
    static @Nullable String write(Path file, OutputStream output) throws IOException {
        return write(file, output, LONGEST_SILENCE);
    }

    /** @param longestSilence how long no row may come before the file counts as damaged */
    static @Nullable String write(Path file, OutputStream output, Duration longestSilence) throws IOException {
        boolean begun = false;
        try (Watch watch = new Watch(longestSilence);
                ParquetFileReader reader = ParquetFileReader.open(new ParquetInput(file));
                RowReader rows = reader.rowReader()) {
            JsonGenerator json = JSON.createGenerator(new BufferedOutputStream(output, 1 << 16));
            json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
            json.setRootValueSeparator(null);
            while (rows.hasNext()) {
                rows.next();
                watch.progress();
                begun = true;
                struct(json, rows);
                json.writeRaw('\n');
            }
            json.close();
            return null;
        } catch (D3sException known) {
            throw known;
        } catch (OutOfMemoryError | StackOverflowError hostile) {
            // the reader believes the sizes that a file states; they were no memory of anybody else's
            throw new D3sException(ErrorCategory.USER, "invalid_row", Dataset.name(file)
                    + " states sizes that no memory holds: it is damaged, or its row groups must be smaller.", hostile);
        } catch (IOException | RuntimeException unreadable) {
            if (begun) {
                return "The Parquet file cannot be read any further: " + unreadable.getMessage() + ".";
            }
            throw new D3sException(ErrorCategory.USER, "invalid_row", Dataset.name(file)
                    + " cannot be read as Parquet: " + unreadable.getMessage()
                    + ". Write it again, uncompressed or with snappy, zstd or gzip.", unreadable);
        }
    }

    /**
     * Interrupts its thread when there is no progress: where a file lies about itself, a thread of the reader may end without a
     * word while this one waits for what it was to bring.
     */
    private static final class Watch implements AutoCloseable {
        private final Thread watched = Thread.currentThread();
        private final CountDownLatch done = new CountDownLatch(1);
        private final Thread watching;
        private volatile long last = System.nanoTime();
        private volatile boolean silent;

        Watch(Duration longestSilence) {
            watching = Thread.ofVirtual().name("d3s-parquet-watch").start(() -> watch(longestSilence.toNanos()));
        }

        private void watch(long longest) {
            try {
                while (!done.await(longest / 4, TimeUnit.NANOSECONDS)) {
                    if (System.nanoTime() - last > longest) {
                        silent = true;
                        watched.interrupt();
                        return;
                    }
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        void progress() {
            last = System.nanoTime();
        }

        @Override
        public void close() {
            done.countDown();
            boolean interrupted = false;
            while (true) {
                try {
                    watching.join();
                    break;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted && !silent) {
                watched.interrupt(); // it was for somebody else
            } else if (silent) {
                Thread.interrupted();
            }
        }
    }

    private static void struct(JsonGenerator json, StructAccessor struct) throws IOException {
        json.writeStartObject();
        for (int field = 0; field < struct.getFieldCount(); field++) {
            Object value = struct.isNull(field) ? null : struct.getValue(field);
            if (value != null) {
                json.writeFieldName(struct.getFieldName(field));
                value(json, value);
            }
        }
        json.writeEndObject();
    }

    private static void value(JsonGenerator json, @Nullable Object value) throws IOException {
        switch (value) {
            case null -> json.writeNull();
            case String text -> json.writeString(text);
            case Boolean flag -> json.writeBoolean(flag);
            case Integer number -> json.writeNumber(number);
            case Long number -> json.writeNumber(number);
            case Float number when Float.isFinite(number) -> json.writeNumber(number);
            case Double number when Double.isFinite(number) -> json.writeNumber(number);
            case BigDecimal number -> json.writeNumber(number);
            case byte[] bytes -> json.writeString(text(bytes));
            case PqStruct struct -> struct(json, struct);
            case PqList list -> {
                json.writeStartArray();
                for (int index = 0; index < list.size(); index++) {
                    value(json, list.isNull(index) ? null : list.get(index));
                }
                json.writeEndArray();
            }
            case PqMap map -> {
                json.writeStartObject();
                for (PqMap.Entry entry : map.getEntries()) {
                    json.writeFieldName(String.valueOf(entry.getKey()));
                    value(json, entry.isValueNull() ? null : entry.getValue());
                }
                json.writeEndObject();
            }
            default -> json.writeString(value.toString());
        }
    }

    private static String text(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        return text.indexOf('\uFFFD') < 0 ? text : Base64.getEncoder().encodeToString(bytes);
    }
}
