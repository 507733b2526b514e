package dev.d3s.plugins.testkit;

import static dev.d3s.plugins.testkit.Factories.schedule;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.spi.Schedule;
import dev.d3s.spi.ScheduleFactory;

class ScheduleContractTest {
    /** An author's test. */
    static final class Subject extends ScheduleContract {
        private static ScheduleFactory factory = schedule(() -> ScheduleContractTest::straight);
        private static boolean endsAtTo = true;

        @Override
        protected ScheduleFactory factory() {
            return factory;
        }

        @Override
        protected boolean endsAtTo() {
            return endsAtTo;
        }

        static void use(Supplier<Schedule> given, boolean ends) {
            factory = schedule(given);
            endsAtTo = ends;
        }
    }

    private static double straight(int step, int totalSteps, double from, double to) {
        return totalSteps == 1 ? from : from + (to - from) * step / (totalSteps - 1);
    }

    private static Mistake mistake(String name, Supplier<Schedule> given, Map<String, String> failures) {
        return new Mistake(name, Subject.class, () -> Subject.use(given, true), failures);
    }

    private static Mistake mistake(String name, Schedule given, String check, String words) {
        return mistake(name, () -> given, Map.of(check, words));
    }

    @Test
    void shouldPassGoodSchedules() {
        Subject.use(() -> ScheduleContractTest::straight, true);
        assertThat(Mistake.failures(Subject.class)).isEmpty();
        Subject.use(() -> (step, totalSteps, from, to) -> from, false);
        assertThat(Mistake.failures(Subject.class)).as("a schedule that says that it does not reach to").isEmpty();
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void shouldFind(Mistake mistake) {
        mistake.shouldBeFound();
    }

    static List<Mistake> mistakes() {
        return List.of(
                mistake("divides by 0 in a run of one step",
                        (step, total, from, to) -> from + (to - from) * step / (total - 1), "shouldStayBetweenItsEnds",
                        "a run of one step"),
                mistake("cannot go down",
                        (step, total, from, to) -> Math.clamp(straight(step, total, from, to), from, to),
                        "shouldStayBetweenItsEnds", "answer every step"),
                mistake("goes beyond its end in the middle",
                        (step, total, from, to) -> step == 0 || step == total - 1
                                ? straight(step, total, from, to)
                                : 1.5,
                        "shouldStayBetweenItsEnds", "clamp it"),
                mistake("never begins at from", (step, total, from, to) -> straight(step + 1, total + 1, from, to),
                        "shouldBeginAtFrom", "return from at step 0"),
                mistake("never reaches its end", (step, total, from, to) -> from + (to - from) * step / total,
                        "shouldEndAtTo", "the last step is totalSteps - 1"),
                mistake("stays where it began", (step, total, from, to) -> from, "shouldEndAtTo",
                        "overrides endsAtTo()"),
                mistake("random in the middle",
                        (step, total, from, to) -> step == 0 || step == total - 1
                                ? straight(step, total, from, to)
                                : from + (to - from) * ThreadLocalRandom.current().nextDouble(),
                        "shouldBeAPureFunction", "from the arguments alone"),
                mistake("never goes back", () -> new Schedule() {
                    private int latest;

                    @Override
                    public double at(int step, int total, double from, double to) {
                        if (step == 0 || step == total - 1) {
                            return straight(step, total, from, to);
                        }
                        latest = Math.max(latest, step);
                        return straight(Math.min(latest, total - 1), total, from, to);
                    }
                }, Map.of("shouldBeAPureFunction", "because a resumed job asks again")));
    }
}
