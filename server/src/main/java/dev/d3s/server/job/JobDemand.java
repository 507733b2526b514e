package dev.d3s.server.job;

import dev.d3s.server.planning.EngineSettings;
import dev.d3s.server.planning.MemoryPlan;
import dev.d3s.server.spec.JobSpecReader;

/**
 * What a job takes of the server that runs it.
 *
 * @param threads of its engines; 0 where nothing was planned
 * @param memory bytes beside other jobs
 */
record JobDemand(int threads, long memory) {
    static JobDemand of(JobSpecReader.Planned planned) {
        EngineSettings engines = planned.spec().engines();
        MemoryPlan plan = planned.plan();
        return new JobDemand(engines == null ? 0 : engines.threads(), plan == null ? 0 : plan.ofJob());
    }
}
