package dev.d3s.server.planning;

import java.util.OptionalLong;

/**
 * The memory of this process that is for jobs.
 *
 * @param cores processor threads of an engine
 * @param fixedLimit bytes the process may have; 0 to ask the machine each time
 * @param reserve bytes of it that are not for jobs
 */
public record JobMemory(int cores, long fixedLimit, long reserve) {
    /** The server itself: JVM, Quarkus, and the Java heap that jobs need. */
    private static final long SERVER = 320L << 20;
    /** A JVM with the heap that a job needs. */
    private static final long ALONE = 120L << 20;
    private static final double SHARE = 0.9;

    /** For a process that does nothing else than one job. */
    public static MemoryPlanner alone(int cores) {
        return new MemoryPlanner(cores, new JobMemory(cores, 0, 0).limit(), ALONE);
    }

    /**
     * For a job that is submitted now.
     *
     * @param threads that its engines may use
     */
    public MemoryPlanner planner(int threads) {
        return new MemoryPlanner(threads, limit(), SERVER + reserve);
    }

    /** Bytes for all jobs that run at once; 0 when nothing bounds them. */
    public long forJobs() {
        long limit = limit();
        return limit == 0 ? 0 : Math.max(1, limit - SERVER - reserve);
    }

    private long limit() {
        if (fixedLimit > 0) {
            return fixedLimit;
        }
        OptionalLong available = MachineMemory.LINUX.available();
        return available.isPresent() ? (long) (SHARE * available.getAsLong()) : 0;
    }
}
