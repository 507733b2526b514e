package dev.d3s.plugins.d3s;

import java.util.List;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.Schedule;
import dev.d3s.spi.ScheduleFactory;

/**
 * {@code step}: stays at {@code from} until the share {@code at} of the run is done, then reaches {@code to} in n equal
 * jumps, spread evenly over what is left of the run. With p = step / (totalSteps - 1) as in {@link LinearSchedule}, jump
 * j of n happens at
 *
 * <pre>
 *   p_j = at + (j - 1) / n * (1 - at)        j = 1 .. n
 * </pre>
 *
 * <p>
 * so that the last step is always at {@code to} and a run of one step stays at {@code from}. [ours]
 */
final class StepSchedule implements Schedule {
    /** Keeps a jump at 0.3 of 11 steps from missing step 3 because of rounding; far below one step of any run. */
    private static final double ROUNDING = 1e-9;

    private final double at;
    private final int jumps;

    StepSchedule(double at, int jumps) {
        this.at = at;
        this.jumps = jumps;
    }

    @Override
    public double at(int step, int totalSteps, double from, double to) {
        double done = Progress.of(step, totalSteps) + ROUNDING - at;
        if (step == 0 || done < 0) {
            return from;
        }
        // at 1 there is no run left to spread over: all jumps happen at the last step
        double jumped = at == 1 ? jumps : Math.min(jumps, 1 + Math.floor(done / (1 - at) * jumps));
        return Progress.between(from, to, jumped / jumps);
    }

    static final class Factory implements ScheduleFactory {
        @Override
        public String name() {
            return "step";
        }

        @Override
        public String description() {
            return "The first step's value up to a share of the run, then the last step's, in one jump or several.";
        }

        @Override
        public List<ConfigKey> configKeys() {
            return List.of(
                    new ConfigKey.Real("at", 0.5, 0, true, 1, "[ours] share of the run before the first jump"),
                    new ConfigKey.Whole("jumps", 1L, 1, 1_000_000,
                            "[ours] number of equal jumps, spread evenly over the rest of the run"));
        }

        @Override
        public Schedule create(PluginConfig config) {
            return new StepSchedule(config.real("at"), (int) config.whole("jumps"));
        }
    }
}
