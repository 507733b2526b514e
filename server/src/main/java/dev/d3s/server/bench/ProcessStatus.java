package dev.d3s.server.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** What Linux says of a process' memory. */
final class ProcessStatus {
    private ProcessStatus() {}

    /**
     * @param pid or {@code self}
     * @param member {@code VmRSS}: bytes that are in memory; {@code VmHWM}: the most there were
     * @return empty where the system does not say
     */
    static OptionalLong bytes(String pid, String member) {
        try {
            return Files.readAllLines(Path.of("/proc", pid, "status"))
                .stream()
                .filter(line -> line.startsWith(member + ":"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                .findFirst();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }
}
