package dev.d3s.server.planning;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.nio.file.Path;

/** What this process holds at this moment, as Linux and the JVM say. */
public final class ProcessMemory {
    private ProcessMemory() {}

    /** Bytes of the process that are in memory; 0 where the system does not say. */
    public static long resident() {
        return MachineMemory.LINUX.resident();
    }

    /** Bytes of them that are not the JVM's: those of the engines, about; 0 where the system does not say. */
    public static long outsideJava() {
        MemoryMXBean java = ManagementFactory.getMemoryMXBean();
        return Math.max(0, resident() - java.getHeapMemoryUsage().getCommitted()
                - java.getNonHeapMemoryUsage().getCommitted());
    }

    /** Bytes that the process could have if it used all that nobody else uses; 0 where the system does not say. */
    public static long available() {
        return MachineMemory.LINUX.available().orElse(0);
    }

    /** @param root of a file system, as Linux fills it */
    public static long available(Path root) {
        return new MachineMemory(root).available().orElse(0);
    }
}
