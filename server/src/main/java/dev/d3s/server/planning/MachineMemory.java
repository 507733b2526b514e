package dev.d3s.server.planning;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

import org.jspecify.annotations.Nullable;

/**
 * How much memory this process may have, from what Linux says: what is available on the machine, and the limits of the control
 * groups that the process is in, of either version. Reads files each time it is asked; any thread.
 *
 * @param root of the file system, {@code /}
 */
record MachineMemory(Path root) {
    static final MachineMemory LINUX = new MachineMemory(Path.of("/"));

    /** A control group without a limit says so with a number that no machine has. */
    private static final long UNLIMITED = 1L << 60;

    /** Bytes that the process could have if it used all that nobody else uses; empty where the system does not say. */
    OptionalLong available() {
        long least = Long.MAX_VALUE;
        OptionalLong free = kibibytes(root.resolve("proc/meminfo"), "MemAvailable");
        if (free.isPresent()) {
            // what this process holds now is given back before the next job needs it
            least = free.getAsLong() + kibibytes(root.resolve("proc/self/status"), "VmRSS").orElse(0);
        }
        for (String line : lines(root.resolve("proc/self/cgroup"))) {
            String[] parts = line.split(":", 3);
            if (parts.length == 3 && parts[1].isEmpty()) {
                least = Math.min(least, limit(root.resolve("sys/fs/cgroup"), parts[2], "memory.max"));
            } else if (parts.length == 3 && List.of(parts[1].split(",")).contains("memory")) {
                least = Math.min(least,
                        limit(root.resolve("sys/fs/cgroup/memory"), parts[2], "memory.limit_in_bytes"));
            }
        }
        return least == Long.MAX_VALUE ? OptionalLong.empty() : OptionalLong.of(least);
    }

    /** Bytes of this process that are in memory; 0 where the system does not say. */
    long resident() {
        return kibibytes(root.resolve("proc/self/status"), "VmRSS").orElse(0);
    }

    /** The least of a group's limit and those of the groups around it. */
    private static long limit(Path mount, String group, String file) {
        long least = Long.MAX_VALUE;
        @Nullable
        Path directory = mount.resolve(group.startsWith("/") ? group.substring(1) : group).normalize();
        while (directory != null && directory.startsWith(mount)) {
            for (String line : lines(directory.resolve(file))) {
                String value = line.strip();
                if (!value.isEmpty() && value.chars().allMatch(Character::isDigit) && value.length() < 19) {
                    long bytes = Long.parseLong(value);
                    least = bytes < UNLIMITED ? Math.min(least, bytes) : least;
                }
            }
            directory = directory.getParent();
        }
        return least;
    }

    private static OptionalLong kibibytes(Path file, String member) {
        return lines(file).stream()
            .filter(line -> line.startsWith(member + ":"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
            .findFirst();
    }

    /** None where there is no such file. */
    private static List<String> lines(Path file) {
        try {
            return Files.exists(file) ? Files.readAllLines(file) : List.of();
        } catch (IOException e) {
            return List.of();
        }
    }
}
