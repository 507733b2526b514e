package dev.d3s.server.doctor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;

import org.jspecify.annotations.Nullable;

/** The directory that the server keeps everything in: whether it can be used, and how large and fast its disk is. */
final class Disk {
    private static final long LITTLE = 1L << 30;
    private static final double LITTLE_SHARE = 0.05;
    private static final int SPEED_MEGABYTES = 32;
    private static final int SYNCS = 15;
    private static final double SLOW_SYNC_MILLISECONDS = 50;
    private static final Set<String> NETWORK = Set.of("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p");

    private Disk() {}

    static List<Finding> findings(Path home) {
        List<Finding> findings = new ArrayList<>();
        Path existing = existing(home);
        if (existing == null || !Files.isWritable(existing)) {
            return List.of(Finding.fail("home", home + " cannot be written by " + System.getProperty("user.name"),
                    "Make it and give it to that user, or set D3S_HOME to another directory."));
        }
        findings.add(existing.equals(home)
                ? permissions(home)
                : Finding.ok("home", home + " is not there yet; the server makes it"));
        try {
            FileStore store = Files.getFileStore(existing);
            findings.add(space(home, store.getUsableSpace(), store.getTotalSpace()));
            if (NETWORK.contains(store.type())) {
                findings.add(Finding.warn("file system", store.type() + ", over a network",
                        "SQLite needs a local disk: set D3S_HOME to one, or use PostgreSQL."));
            }
            findings.addAll(speed(existing));
        } catch (IOException e) {
            findings.add(Finding.fail("disk", "The disk of " + home + " failed: " + e,
                    "See whether it is full or broken: df -h, dmesg."));
        }
        return findings;
    }

    /** The directory, or the nearest above it that is there. */
    private static @Nullable Path existing(Path home) {
        Path path = home.toAbsolutePath().normalize();
        while (path != null && !Files.exists(path)) {
            path = path.getParent();
        }
        return path;
    }

    static Finding permissions(Path home) {
        try {
            Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(home);
            if (permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
                return Finding.warn("home", home + " can be changed by every user of this machine",
                        "chmod o-rwx " + home);
            }
            if (permissions.contains(PosixFilePermission.OTHERS_READ)) {
                return Finding.ok("home",
                        home + "; every user of this machine can read it (chmod o-rwx " + home
                                + " if that is not meant)");
            }
            return Finding.ok("home", home.toString());
        } catch (IOException | UnsupportedOperationException e) {
            return Finding.ok("home", home.toString());
        }
    }

    static Finding space(Path home, long usable, long total) {
        String text = Machine.gibibytes(usable) + " of " + Machine.gibibytes(total) + " are free";
        return usable < LITTLE || usable < LITTLE_SHARE * (double) total
                ? Finding.warn("disk", text, "Checkpoints may not fit: free space, or move " + home + ".")
                : Finding.ok("disk", text);
    }

    private static List<Finding> speed(Path directory) throws IOException {
        Path file = Files.createTempFile(directory, ".doctor-", "");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            ByteBuffer block = ByteBuffer.allocateDirect(1 << 20);
            long started = System.nanoTime();
            for (int megabyte = 0; megabyte < SPEED_MEGABYTES; megabyte++) {
                block.clear();
                while (block.hasRemaining()) {
                    channel.write(block);
                }
            }
            channel.force(true);
            double seconds = (System.nanoTime() - started) / 1e9;
            double[] syncs = new double[SYNCS];
            for (int sync = 0; sync < SYNCS; sync++) {
                block.clear().limit(4096);
                long from = System.nanoTime();
                channel.write(block, sync * 4096L);
                channel.force(false);
                syncs[sync] = (System.nanoTime() - from) / 1e6;
            }
            Arrays.sort(syncs);
            return List.of(
                    Finding.ok("disk speed",
                            String.format(Locale.ROOT, "%.0f MB/s written", SPEED_MEGABYTES / seconds)),
                    sync(syncs[SYNCS / 2]));
        } finally {
            Files.deleteIfExists(file);
        }
    }

    static Finding sync(double milliseconds) {
        String text = String.format(Locale.ROOT, "%.1f ms until a small write is safe", milliseconds);
        return milliseconds > SLOW_SYNC_MILLISECONDS
                ? Finding.warn("disk latency", text,
                        "Each step of a job is written that way: use a faster disk for d3s.home.")
                : Finding.ok("disk latency", text);
    }
}
