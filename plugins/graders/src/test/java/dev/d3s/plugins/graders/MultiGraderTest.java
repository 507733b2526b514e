package dev.d3s.plugins.graders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;

import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.Grade;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.RewardFunction;

class MultiGraderTest {
    private static final Map<String, Object> EXACT = Map.of("type", "string_check", "name", "exact", "input",
            "{{sample.output_text}}", "reference", "{{item.answer}}", "operation", "eq");
    private static final Map<String, Object> ALIKE = Map.of("type", "text_similarity", "name", "alike", "input",
            "{{sample.output_text}}", "reference", "{{item.answer}}", "evaluation_metric", "fuzzy_match");

    private static RewardFunction multi(Object graders, String formula) {
        return Services.make(new MultiGrader.Factory(), Map.of("graders", graders, "calculate_output", formula),
                Services.simple());
    }

    private static List<ConfigProblem> problems(Object graders, String formula) {
        try {
            multi(graders, formula).close();
            return List.of();
        } catch (InvalidConfigException e) {
            return e.problems();
        }
    }

    private static Grade grade(RewardFunction grader, String completion) throws Exception {
        return grader.grade(Rows.rollout(completion, Map.of("answer", "Paris")));
    }

    @Test
    void shouldCombineGradersOfAMapAListAndASingleOne() throws Exception {
        for (Object graders : List.of(Map.of("exact", EXACT, "alike", ALIKE), List.of(EXACT, ALIKE))) {
            try (RewardFunction multi = multi(graders, "0.75 * exact + 0.25 * alike")) {
                assertThat(grade(multi, "Paris").reward()).isEqualTo(1);
                assertThat(grade(multi, "Pari").parts())
                    .containsExactlyInAnyOrderEntriesOf(Map.of("exact", 0.0, "alike", 8.0 / 9));
                assertThat(grade(multi, "Pari").reward()).isEqualTo(0.25 * 8 / 9);
                assertThat(multi.score(Rows.rollout("Pari", Map.of("answer", "Paris")))).isEqualTo(0.25 * 8 / 9);
            }
        }
        try (RewardFunction multi = multi(EXACT, "2 * exact - 1")) {
            assertThat(grade(multi, "London").reward()).isEqualTo(-1);
        }
        Map<String, Object> unnamed = Map.of("type", "math");
        try (RewardFunction multi = multi(unnamed, "grader")) {
            assertThat(multi.score(Rows.rollout("7", Map.of("answer", "7")))).isEqualTo(1);
        }
    }

    @Test
    void shouldAskItsGradersAtTheSameTime() throws Exception {
        CyclicBarrier barrier = new CyclicBarrier(3);
        RewardFunction waits = rollout -> {
            barrier.await(20, TimeUnit.SECONDS);
            return 2;
        };
        try (RewardFunction multi = new MultiGrader(Map.of("a", waits, "b", waits, "c", waits),
                Formula.parse("a + b * c"), "a + b * c")) {
            assertThat(multi.score(Rows.rollout("", Map.of()))).isEqualTo(6);
        }
    }

    @Test
    void shouldInterruptTheOthersWhenOneFails() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch interrupted = new CountDownLatch(1);
        Map<String, RewardFunction> graders = new LinkedHashMap<>();
        graders.put("fails", rollout -> {
            begun.await();
            throw new D3sException(ErrorCategory.EXTERNAL, "gone", "Nobody answers.");
        });
        graders.put("waits", rollout -> {
            begun.countDown();
            try {
                Thread.sleep(Duration.ofHours(1));
                return 0;
            } catch (InterruptedException e) {
                interrupted.countDown();
                throw e;
            }
        });
        try (RewardFunction multi = new MultiGrader(graders, Formula.parse("fails + waits"), "fails + waits")) {
            assertThatThrownBy(() -> multi.score(Rows.rollout("", Map.of())))
                .asInstanceOf(type(D3sException.class))
                .extracting(D3sException::text)
                .isEqualTo("'fails': Nobody answers.");
        }
        assertThat(interrupted.await(20, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void shouldNestInItself() throws Exception {
        Map<String, Object> inner = Map.of("type", "multi", "graders", Map.of("x", EXACT), "calculate_output", "x + 1");
        try (RewardFunction multi = multi(Map.of("inner", inner, "y", EXACT), "inner * 10 + y")) {
            assertThat(grade(multi, "Paris").reward()).isEqualTo(21);
        }
    }

    @Test
    void shouldReportEveryMistakeWithItsPath() {
        Map<String, Object> wrong = Map.of("type", "string_check", "operation", "is", "input", "{{x}}");
        List<ConfigProblem> problems = problems(
                Map.of("a", wrong, "b", Map.of("type", "vibes"), "min", EXACT, "a b", EXACT), "a + c * ");
        assertThat(problems).extracting(ConfigProblem::key)
            .containsExactlyInAnyOrder("graders.a.operation", "graders.a.reference", "graders.b.type", "graders.min",
                    "graders.a b", "calculate_output");
        assertThat(problems(Map.of("a", EXACT), "a + c")).singleElement()
            .extracting(ConfigProblem::message)
            .isEqualTo("'calculate_output' names 'c', which is no grader; known: a.");
        assertThat(problems(Map.of("a", EXACT), "a +")).singleElement()
            .extracting(ConfigProblem::message)
            .isEqualTo("'calculate_output' is no formula. Something is missing at character 4.");
        assertThat(problems(List.of(), "1")).extracting(ConfigProblem::key).containsExactly("graders");
        assertThat(problems(Map.of(), "1")).extracting(ConfigProblem::key).containsExactly("graders");
        assertThat(problems(List.of(Map.of("type", "math")), "1")).extracting(ConfigProblem::key)
            .containsExactly("graders.0.name");
        assertThat(problems(List.of(EXACT, EXACT), "exact")).extracting(ConfigProblem::key)
            .containsExactly("graders.1");
    }

    @Test
    void shouldMakeADivisionByZeroAnErrorOfTheRollout() throws Exception {
        try (RewardFunction multi = multi(Map.of("exact", EXACT), "1 / exact")) {
            assertThat(grade(multi, "Paris").reward()).isEqualTo(1);
            assertThatThrownBy(() -> grade(multi, "London"))
                .hasMessageContaining("'1 / exact' is Infinity for {exact=0.0}")
                .asInstanceOf(type(D3sException.class))
                .satisfies(e -> assertThat(e.code()).isEqualTo("formula_undefined"));
        }
    }

    @Test
    void shouldNameThePartThatFails() {
        RewardFunction multi = multi(Map.of("exact", EXACT), "exact");
        assertThatThrownBy(() -> multi.grade(Rows.rollout("Paris", Map.of()))).hasMessageStartingWith("'exact': ")
            .hasMessageContaining("{{item.answer}}");
    }
}
