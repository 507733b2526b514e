package dev.d3s.server.tracking;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

import org.jspecify.annotations.Nullable;

import com.google.protobuf.CodedOutputStream;

import dev.d3s.server.job.Job;
import dev.d3s.server.store.IoFailures;
import dev.d3s.server.tracking.TrackerStore.Step;

/**
 * An event file as TensorBoard reads it: records (length, masked CRC-32C of it, content, masked CRC-32C of that) of protobuf
 * {@code Event}s, each with the scalars of one step. Its id is its length, so that what was written and not noted down, before a
 * crash, is cut off and written again: no step is there twice.
 *
 * @param directory of the job's event files
 */
record TensorBoardFile(Path directory) implements RunTracker {
    // fields of tensorflow.Event, tensorflow.Summary and tensorflow.Summary.Value
    private static final int EVENT_WALL_TIME = 1;
    private static final int EVENT_STEP = 2;
    private static final int EVENT_FILE_VERSION = 3;
    private static final int EVENT_SUMMARY = 5;
    private static final int SUMMARY_VALUE = 1;
    private static final int VALUE_TAG = 1;
    private static final int VALUE_SIMPLE = 2;

    private static final int MASK = 0xa282ead8;

    @Override
    public String add(Job job, @Nullable String remoteId, List<Step> steps) throws IOException {
        long length = remoteId == null ? 0 : Long.parseLong(remoteId);
        Files.createDirectories(directory);
        Path file = directory
            .resolve("events.out.tfevents." + job.createdAt() / 1000 + "." + InetAddress.getLoopbackAddress()
                .getHostName() + "." + job.id());
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            if (channel.size() < length) {
                throw new Restart("The event file " + file + " is shorter than it was: it is written again.");
            }
            channel.truncate(length);
            channel.position(length);
            ByteArrayOutputStream records = new ByteArrayOutputStream();
            if (length == 0) {
                records.writeBytes(record(version(job.createdAt() / 1000.0)));
            }
            for (Step step : steps) {
                records.writeBytes(record(event(step)));
            }
            ByteBuffer bytes = ByteBuffer.wrap(records.toByteArray());
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
            return Long.toString(channel.position());
        } catch (Restart e) {
            throw e;
        } catch (IOException e) {
            throw new IOException(IoFailures.exception("writing the event file " + file, e).text(), e);
        }
    }

    @Override
    public void status(Job job, String remoteId) {
        // a file says nothing about how a job ended
    }

    private static byte[] version(double wallTime) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        out.writeDouble(EVENT_WALL_TIME, wallTime);
        out.writeString(EVENT_FILE_VERSION, "brain.Event:2");
        out.flush();
        return bytes.toByteArray();
    }

    private static byte[] event(Step step) throws IOException {
        ByteArrayOutputStream summary = new ByteArrayOutputStream();
        CodedOutputStream values = CodedOutputStream.newInstance(summary);
        for (Map.Entry<String, Double> metric : step.metrics().entrySet()) {
            ByteArrayOutputStream value = new ByteArrayOutputStream();
            CodedOutputStream members = CodedOutputStream.newInstance(value);
            members.writeString(VALUE_TAG, metric.getKey());
            members.writeFloat(VALUE_SIMPLE, metric.getValue().floatValue());
            members.flush();
            values.writeByteArray(SUMMARY_VALUE, value.toByteArray());
        }
        values.flush();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        out.writeDouble(EVENT_WALL_TIME, step.at() / 1000.0);
        out.writeInt64(EVENT_STEP, step.step());
        out.writeByteArray(EVENT_SUMMARY, summary.toByteArray());
        out.flush();
        return bytes.toByteArray();
    }

    private static byte[] record(byte[] content) {
        byte[] length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(content.length).array();
        return ByteBuffer.allocate(16 + content.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put(length)
            .putInt(masked(length))
            .put(content)
            .putInt(masked(content))
            .array();
    }

    /** Rotated and moved, so that a checksum of data that holds checksums is still one. */
    private static int masked(byte[] bytes) {
        CRC32C checksum = new CRC32C();
        checksum.update(bytes);
        return Integer.rotateRight((int) checksum.getValue(), 15) + MASK;
    }
}
