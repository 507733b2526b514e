package dev.d3s.server.job;

import java.util.List;
import java.util.Map;

import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Page;
import dev.d3s.server.selection.RecordedRollout;

/**
 * A page of what was recorded of one step.
 *
 * @param step from 0; -1 when no step of the job is recorded
 * @param steps all that are, rising
 * @param metrics of the whole step, by name
 * @param rollouts in the order in which they were recorded, group by group
 */
public record StepRollouts(int step, List<Integer> steps, Map<String, Double> metrics,
        Page<RecordedRollout> rollouts) {
    private static final String PREFIX = "rollout-";

    static StepRollouts none() {
        return new StepRollouts(-1, List.of(), Map.of(), new Page<>(List.of(), false));
    }

    /** Names one of these rollouts within its job. */
    public String id(RecordedRollout rollout) {
        return id(step, rollout);
    }

    static String id(int step, RecordedRollout rollout) {
        return PREFIX + step + "-" + rollout.group() + "-" + rollout.index();
    }

    /** The step that an id names. */
    static int stepOf(String id) {
        String[] parts = id.split("-");
        try {
            if (id.startsWith(PREFIX) && parts.length == 4) {
                return Integer.parseInt(parts[1]);
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new InvalidRequestException("after", "invalid_value",
                "'after' is '" + id + "' but must be the id of a recorded rollout.");
    }
}
