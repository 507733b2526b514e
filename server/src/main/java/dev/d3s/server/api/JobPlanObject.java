package dev.d3s.server.api;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.job.JobService;
import dev.d3s.server.model.MemoryUse;
import dev.d3s.server.planning.MemoryPlan;

/** What {@code ?dry_run=true} answers: the job as it would be, and the memory that is expected for it. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "FineTuningJobPlan")
record JobPlanObject(String object, String model, String trainingFile, @Nullable String validationFile, long seed,
        int steps,
        @Schema(implementation = Object.class, description = "what the job would do, every default filled in; resources are what the planner chose") JsonNode method,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Memory memory) {

    /** Bytes. */
    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "FineTuningJobPlanMemory")
    record Memory(@Schema(description = "most memory of the server's process at any time, in bytes") long peakBytes,
            @Schema(description = "what the process may have; absent when nothing bounds it") @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Long limitBytes,
            @Schema(description = "held: from the first step to the last; load, rollout, update: what a phase adds") Map<String, Phase> phases) {}

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "FineTuningJobPlanPhase")
    record Phase(long bytes, Map<String, Long> parts) {}

    static JobPlanObject of(JobService.DryRun run) {
        MemoryPlan plan = run.plan();
        return new JobPlanObject("fine_tuning.job.plan", run.spec().model(), run.spec().trainingFile(),
                run.spec().validationFile(), run.spec().seed(), run.steps(),
                run.spec().request().path("method"), plan == null ? null : memory(plan));
    }

    private static Memory memory(MemoryPlan plan) {
        Map<String, Phase> phases = new LinkedHashMap<>();
        plan.phases().forEach((phase, uses) -> {
            Map<String, Long> parts = new LinkedHashMap<>();
            for (MemoryUse use : uses) {
                parts.put(use.name().replace(' ', '_').replace('-', '_').toLowerCase(Locale.ROOT), use.bytes());
            }
            phases.put(phase.name().toLowerCase(Locale.ROOT), new Phase(plan.total(phase), parts));
        });
        return new Memory(plan.peak(), plan.limit() == 0 ? null : plan.limit(), phases);
    }
}
