package dev.d3s.server.api;

import java.util.List;

import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.job.StepRollouts;
import dev.d3s.server.selection.RecordedRollout;

/**
 * A list, and where it lies among the recorded steps.
 *
 * @param step whose rollouts these are; {@code null} when none is recorded
 * @param steps all that are recorded, rising
 */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "FineTuningJobRollouts")
record RolloutsObject(String object, List<RolloutObject> data, boolean hasMore, @Nullable String firstId,
        @Nullable String lastId, @Nullable Integer step, List<Integer> steps) {

    /** One rollout; its members are {@link RecordedRollout}'s. */
    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "FineTuningJobRollout")
    record RolloutObject(String id, String object, int step, int group, int index, String prompt, String completion,
            @Nullable Double reward, @Nullable String error, double advantage, @Nullable Double trainedAdvantage,
            boolean kept, String finishReason, int completionTokens, boolean truncated,
            List<RecordedRollout.Token> tokens) {}

    static RolloutsObject of(StepRollouts page) {
        List<RolloutObject> data = page.rollouts()
            .elements()
            .stream()
            .map(rollout -> new RolloutObject(page.id(rollout), "fine_tuning.job.rollout", page.step(),
                    rollout.group(), rollout.index(), rollout.prompt(), rollout.completion(), rollout.reward(),
                    rollout.error(), rollout.advantage(), rollout.trainedAdvantage(), rollout.kept(),
                    rollout.finishReason(), rollout.length(), rollout.truncated(), rollout.tokens()))
            .toList();
        return new RolloutsObject("list", data, page.rollouts().hasMore(), data.isEmpty() ? null : data.getFirst().id(),
                data.isEmpty() ? null : data.getLast().id(), page.step() < 0 ? null : page.step(), page.steps());
    }
}
