package dev.d3s.plugins.testkit;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

import dev.d3s.spi.Schedule;
import dev.d3s.spi.ScheduleFactory;

/**
 * What a {@link Schedule} promises, over runs of one step to a thousand, upwards, downwards and level. Its author's test is
 *
 * <pre>{@code
 * class MyScheduleTest extends ScheduleContract {
 *     @Override
 *     protected ScheduleFactory factory() {
 *         return new MyScheduleFactory();
 *     }
 * }
 * }</pre>
 */
public abstract class ScheduleContract extends FactoryContract<Schedule, ScheduleFactory> {
    /** As much as the server allows: it takes the end itself then. */
    private static final double ROUNDING = 1e-9;

    private static final int[] TOTAL_STEPS = {1, 2, 3, 7, 40, 1000};
    private static final double[][] ENDS = {{0.25, 0.75}, {1, 0.2}, {0.5, 0.5}, {1, 1}, {0.1, 0.3}, {1e-6, 1}};

    /** What a schedule is asked. */
    private record Question(int step, int totalSteps, double from, double to) {
        double askedOf(Schedule schedule) {
            return schedule.at(step, totalSteps, from, to);
        }

        @Override
        public String toString() {
            return "at(" + step + ", " + totalSteps + ", " + from + ", " + to + ")";
        }
    }

    private static List<Question> questions() {
        List<Question> questions = new ArrayList<>();
        for (int totalSteps : TOTAL_STEPS) {
            for (double[] ends : ENDS) {
                for (int step = 0; step < totalSteps; step++) {
                    questions.add(new Question(step, totalSteps, ends[0], ends[1]));
                }
            }
        }
        return questions;
    }

    /** Whether the last step of a run of several has the value {@code to}; for a schedule that does not use it, false. */
    protected boolean endsAtTo() {
        return true;
    }

    /** The value, or NaN for an exception, which {@link #shouldStayBetweenItsEnds} reports. */
    private static double value(Schedule schedule, Question question) {
        try {
            return question.askedOf(schedule);
        } catch (RuntimeException | StackOverflowError | AssertionError | LinkageError e) {
            return Double.NaN;
        }
    }

    @Test
    @DisplayName("A schedule stays between its ends at every step of every run")
    final void shouldStayBetweenItsEnds() {
        forEachConfiguration(made -> {
            Schedule schedule = made.fresh();
            for (Question question : questions()) {
                double value;
                try {
                    value = question.askedOf(schedule);
                } catch (RuntimeException | StackOverflowError | LinkageError e) {
                    fail(made + ": " + question + " threw " + e + ": answer every step from 0 to totalSteps - 1.", e);
                    return;
                }
                double lowest = Math.min(question.from, question.to);
                double highest = Math.max(question.from, question.to);
                // written so that NaN fails
                if (!(value >= lowest - ROUNDING && value <= highest + ROUNDING)) {
                    fail(made + ": " + question + " is " + value + ", which is not between " + lowest + " and "
                            + highest
                            + ": clamp it, and take care of a run of one step.");
                }
            }
        });
    }

    @Test
    @DisplayName("A schedule begins at from")
    final void shouldBeginAtFrom() {
        forEachConfiguration(made -> {
            for (Question question : questions()) {
                double value = question.step == 0 ? value(made.fresh(), question) : Double.NaN;
                if (Math.abs(value - question.from) > ROUNDING) {
                    fail(made + ": " + question + " is " + value
                            + ": return from at step 0, also of a run of one step.");
                }
            }
        });
    }

    @Test
    @DisplayName("A schedule ends at to, unless it says that it does not")
    final void shouldEndAtTo() {
        if (!endsAtTo()) {
            return;
        }
        forEachConfiguration(made -> {
            for (Question question : questions()) {
                boolean last = question.totalSteps > 1 && question.step == question.totalSteps - 1;
                double value = last ? value(made.fresh(), question) : Double.NaN;
                if (Math.abs(value - question.to) > ROUNDING) {
                    fail(made + ": " + question + " is " + value
                            + ": the last step is totalSteps - 1; a schedule that does not reach to overrides endsAtTo().");
                }
            }
        });
    }

    @Test
    @DisplayName("A schedule is a pure function: the same arguments give the same value, in any order, from any instance")
    final void shouldBeAPureFunction() {
        forEachConfiguration(made -> {
            Schedule schedule = made.fresh();
            List<Question> questions = questions();
            List<Double> values = new ArrayList<>(questions.stream().map(q -> value(schedule, q)).toList());
            Schedule other = made.fresh();
            for (int i = questions.size() - 1; i >= 0; i--) {
                // alternating, so that one instance is asked some steps twice and the other some steps never
                double again = value(i % 2 == 0 ? schedule : other, questions.get(i));
                if (Double.compare(again, values.get(i)) != 0) {
                    fail(made + ": " + questions.get(i) + " was " + values.get(i) + " and then " + again
                            + ": compute it from the arguments alone, because a resumed job asks again.");
                }
            }
        });
    }
}
