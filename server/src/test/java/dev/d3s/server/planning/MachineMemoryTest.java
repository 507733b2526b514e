package dev.d3s.server.planning;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MachineMemoryTest {
    @TempDir
    Path root;

    private void file(String name, String content) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, content);
    }

    private void machine() throws IOException {
        file("proc/meminfo", "MemTotal:       8388608 kB\nMemAvailable:   4194304 kB\n");
        file("proc/self/status", "Name:\tjava\nVmRSS:\t  1048576 kB\n");
    }

    @Test
    void shouldCountWhatIsAvailableAndWhatTheProcessHolds() throws IOException {
        machine();

        assertThat(new MachineMemory(root).available()).hasValue(5L << 30);
    }

    @Test
    void shouldHonourTheLimitOfAContainer() throws IOException {
        machine();
        file("proc/self/cgroup", "0::/kubepods/pod1\n");
        file("sys/fs/cgroup/kubepods/pod1/memory.max", "max\n");
        file("sys/fs/cgroup/kubepods/memory.max", "2147483648\n");

        assertThat(new MachineMemory(root).available()).hasValue(2L << 30);
    }

    @Test
    void shouldHonourTheLimitOfAnOlderContainer() throws IOException {
        machine();
        file("proc/self/cgroup", "9:cpu,cpuacct:/\n8:memory:/docker/a\n");
        file("sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes", "3221225472\n");
        file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");

        assertThat(new MachineMemory(root).available()).hasValue(3L << 30);
    }

    @Test
    void shouldSayNothingWhereTheSystemSaysNothing() {
        assertThat(new MachineMemory(root).available()).isEmpty();
    }
}
