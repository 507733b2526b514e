package dev.d3s.plugins.testkit;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.PluginFactory;
import dev.d3s.spi.SelectorMetrics;
import dev.d3s.spi.StatefulSelector;

/**
 * What selectors of both levels promise: they answer every batch, leave it as it was, are pure functions of their arguments or
 * of those and a state that they save, and report metrics that can be stored. Extended by {@link RolloutSelectorContract} and
 * {@link TokenSelectorContract}.
 *
 * @param <T> the selector
 * @param <F> its factory
 * @param <B> the batch it sees
 * @param <A> its answer
 */
public abstract class SelectorContract<T, F extends PluginFactory<? extends T>, B extends Record, A extends Record>
        extends
            FactoryContract<T, F> {
    SelectorContract() {}

    /** What one call is given. */
    record Call<B>(String name, String size, B batch, double keepRatio, long seed) {
        Call<B> with(B other) {
            return new Call<>(name, size, other, keepRatio, seed);
        }

        @Override
        public String toString() {
            return "'" + name + "' (" + size + ") with keepRatio " + keepRatio + " and seed " + seed;
        }
    }

    /** Every call that is tried, the smaller batches first. */
    abstract List<Call<B>> calls();

    abstract A select(T selector, B batch, double keepRatio, long seed);

    /** With arrays of its own. */
    abstract B copy(B batch);

    /** Changes the arrays of a batch in place into another batch of the same size. */
    abstract void overwrite(B batch);

    /** The components, for comparison. */
    abstract Object[] parts(B batch);

    /** The components, for comparison, with arrays of their own; nothing of an answer without content. */
    abstract Object @Nullable [] answerParts(A answer);

    abstract Map<String, Double> metrics(A answer);

    /** The answer to a call, or {@code null} where there is none: {@link #shouldAnswerEveryBatch} reports that. */
    @Nullable
    A answer(T selector, Call<B> call) {
        try {
            @Nullable
            A answer = select(selector, call.batch(), call.keepRatio(), call.seed());
            return answer == null || answerParts(answer) == null ? null : answer;
        } catch (RuntimeException | StackOverflowError | AssertionError | LinkageError e) {
            return null;
        }
    }

    private Object @Nullable [] content(T selector, Call<B> call) {
        A answer = answer(selector, call);
        return answer == null ? null : answerParts(answer);
    }

    /** Answers to calls in this order. */
    private List<Object @Nullable []> contents(T selector, List<Call<B>> steps) {
        List<Object @Nullable []> contents = new ArrayList<>();
        for (Call<B> step : steps) {
            contents.add(content(selector, step.with(copy(step.batch()))));
        }
        return contents;
    }

    /** Runs a check on the answer to every call, each from a selector that has answered nothing before. */
    void forEachAnswer(BiConsumer<String, Answered<B, A>> check) {
        forEachConfiguration(made -> {
            for (Call<B> call : calls()) {
                A answer = answer(made.fresh(), call.with(copy(call.batch())));
                if (answer != null) {
                    check.accept(made + ", on " + call + ", ", new Answered<>(call, answer));
                }
            }
        });
    }

    /** A call with its answer. */
    record Answered<B, A>(Call<B> call, A answer) {}

    /** A run of a few steps, for what reaches from one call to the next. */
    private List<Call<B>> steps() {
        List<Call<B>> calls = calls();
        List<Call<B>> steps = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            steps.add(calls.get(i * 7 % calls.size()));
        }
        return steps;
    }

    @Test
    @DisplayName("A selector answers every batch")
    final void shouldAnswerEveryBatch() {
        forEachConfiguration(made -> {
            for (Call<B> call : calls()) {
                @Nullable
                A answer;
                try {
                    answer = select(made.fresh(), copy(call.batch()), call.keepRatio(), call.seed());
                } catch (RuntimeException | StackOverflowError | LinkageError e) {
                    fail(made + " threw " + e + " on " + call
                            + ": answer every batch, also one in which nothing is informative.", e);
                    return;
                }
                if (answer == null || answerParts(answer) == null) {
                    fail(made + " returned null on " + call + ": return a selection.");
                }
            }
        });
    }

    @Test
    @DisplayName("A selector leaves the batch as it was")
    final void shouldLeaveTheBatchAsItWas() {
        forEachConfiguration(made -> {
            for (Call<B> call : calls()) {
                B given = copy(call.batch());
                answer(made.fresh(), call.with(given));
                if (!Arrays.deepEquals(parts(given), parts(call.batch()))) {
                    fail(made + " changed the batch " + call + ": clone an array before sorting or writing it.");
                }
            }
        });
    }

    @Test
    @DisplayName("A selector keeps no array of the batch, neither in its answer nor in itself")
    final void shouldKeepNoArrayOfTheBatch() {
        forEachConfiguration(made -> {
            for (Call<B> call : calls()) {
                T selector = made.fresh();
                Call<B> given = call.with(copy(call.batch()));
                A first = answer(selector, given);
                Object[] before = first == null ? null : answerParts(first);
                overwrite(given.batch());
                if (first != null && !Arrays.deepEquals(before, answerParts(first))) {
                    fail(made + " answered " + call
                            + " with an array of the batch, which the server goes on using: return a copy.");
                }
                Object[] second = content(selector, given);
                T other = made.fresh();
                content(other, call.with(copy(call.batch())));
                Call<B> overwritten = call.with(copy(call.batch()));
                overwrite(overwritten.batch());
                if (!Arrays.deepEquals(second, content(other, overwritten))) {
                    fail(made + " answered a second batch in the same arrays from the first, " + call
                            + ": read the arrays in each call and keep none of them.");
                }
            }
        });
    }

    @Test
    @DisplayName("The same arguments give the same answer: the seed is the only source of randomness")
    final void shouldGiveTheSameAnswerToTheSameArguments() {
        forEachConfiguration(made -> {
            for (Call<B> call : calls()) {
                Object[] one = content(made.fresh(), call.with(copy(call.batch())));
                Object[] two = content(made.fresh(), call.with(copy(call.batch())));
                if (!Arrays.deepEquals(one, two)) {
                    fail(made + " gave two answers to " + call
                            + ": draw random numbers from new SplittableRandom(seed) only, and read no clock.");
                }
            }
        });
    }

    @Test
    @DisplayName("An answer depends on no earlier call, unless the selector is a StatefulSelector")
    final void shouldNotDependOnEarlierCalls() {
        forEachConfiguration(made -> {
            T selector = made.fresh();
            if (selector instanceof StatefulSelector) {
                return;
            }
            List<Call<B>> calls = calls();
            contents(selector, calls);
            for (Call<B> call : calls) {
                if (!Arrays.deepEquals(content(selector, call.with(copy(call.batch()))),
                        content(made.fresh(), call.with(copy(call.batch()))))) {
                    fail(made + " answered " + call
                            + " differently after other calls: keep nothing in fields that select"
                            + " writes, or implement StatefulSelector, so that a resumed job goes on as it would have.");
                }
            }
        });
    }

    @Test
    @DisplayName("Two instances of one factory know nothing of each other")
    final void shouldMakeIndependentInstances() {
        forEachConfiguration(made -> {
            List<Call<B>> steps = steps();
            List<Object @Nullable []> alone = contents(made.fresh(), steps);
            T one = made.fresh();
            T other = made.fresh();
            List<Call<B>> others = reversed(steps);
            for (int i = 0; i < steps.size(); i++) {
                content(other, others.get(i).with(copy(others.get(i).batch())));
                Object[] beside = content(one, steps.get(i).with(copy(steps.get(i).batch())));
                if (!Arrays.deepEquals(beside, alone.get(i))) {
                    fail(made + " answered " + steps.get(i)
                            + " differently while another job's selector was used: share nothing in static fields or the"
                            + " factory.");
                }
            }
        });
    }

    @Test
    @DisplayName("A selector reports at most 16 metrics, each with an allowed name and a finite value")
    final void shouldReportMetricsThatCanBeStored() {
        forEachAnswer((title, answered) -> {
            Map<String, Double> metrics = metrics(answered.answer());
            if (metrics.size() > SelectorMetrics.MAXIMUM) {
                fail(title + "it reported " + metrics.size() + " metrics: report at most " + SelectorMetrics.MAXIMUM
                        + ".");
            }
            metrics.forEach((name, value) -> {
                if (!SelectorMetrics.isName(name)) {
                    fail(title + "it reported a metric named " + quoted(name)
                            + ": write 1 to 40 lower-case letters, digits and _, beginning with a letter.");
                }
                if (!Double.isFinite(value)) {
                    fail(title + "it reported " + name + " = " + value
                            + ": leave a metric out of a step for which it has no finite value.");
                }
            });
        });
    }

    // ---------------------------------------------------------------- a selector with state

    private static @Nullable StatefulSelector state(Object selector) {
        return selector instanceof StatefulSelector stateful ? stateful : null;
    }

    /** What it saves, or {@code null} where that fails, which {@link #shouldSaveItsState} reports. */
    private static byte @Nullable [] saved(StatefulSelector selector) {
        try {
            return selector.saveState();
        } catch (RuntimeException | StackOverflowError | AssertionError | LinkageError e) {
            return null;
        }
    }

    @Test
    @DisplayName("A StatefulSelector saves its state after each step, in bytes of their own")
    final void shouldSaveItsState() {
        forEachConfiguration(made -> {
            T selector = made.fresh();
            StatefulSelector stateful = state(selector);
            if (stateful == null) {
                return;
            }
            List<byte[]> states = new ArrayList<>();
            List<byte[]> copies = new ArrayList<>();
            for (Call<B> call : steps()) {
                answer(selector, call.with(copy(call.batch())));
                String when = ": saveState() after " + (states.size() + 1) + " steps ";
                byte @Nullable [] state;
                try {
                    state = stateful.saveState();
                } catch (RuntimeException | StackOverflowError | LinkageError e) {
                    fail(made + when + "threw " + e + ": save also what is still empty.", e);
                    return;
                }
                if (state == null) {
                    fail(made + when + "returned null: return bytes, possibly none.");
                    return;
                }
                if (state.length > StatefulSelector.MAXIMUM_BYTES) {
                    fail(made + when + "returned " + state.length + " bytes: return at most "
                            + StatefulSelector.MAXIMUM_BYTES + ".");
                }
                states.add(state);
                copies.add(state.clone());
            }
            for (int i = 0; i < states.size(); i++) {
                if (!Arrays.equals(states.get(i), copies.get(i))) {
                    fail(made + ": the bytes saved after " + (i + 1)
                            + " steps changed later: return a new array from each saveState().");
                }
            }
        });
    }

    @Test
    @DisplayName("Saving changes nothing")
    final void shouldNotChangeBySaving() {
        forEachConfiguration(made -> {
            List<Call<B>> steps = steps();
            List<Object @Nullable []> unsaved = contents(made.fresh(), steps);
            T selector = made.fresh();
            StatefulSelector stateful = state(selector);
            if (stateful == null) {
                return;
            }
            for (int i = 0; i < steps.size(); i++) {
                if (!Arrays.deepEquals(content(selector, steps.get(i).with(copy(steps.get(i).batch()))),
                        unsaved.get(i))) {
                    fail(made + " answered " + steps.get(i)
                            + " differently because its state had been saved: let saveState() change nothing.");
                }
                saved(stateful);
            }
        });
    }

    @Test
    @DisplayName("A StatefulSelector, restored, goes on as the one that saved")
    final void shouldGoOnAsTheOneThatSaved() {
        forEachConfiguration(made -> {
            if (state(made.fresh()) == null) {
                return;
            }
            List<Call<B>> steps = steps();
            for (int from = 1; from < steps.size(); from++) {
                T saver = made.fresh();
                contents(saver, steps.subList(0, from));
                byte[] state = saved((StatefulSelector) saver);
                if (state == null) {
                    continue;
                }
                // one that has not been saved: that saving changes nothing is another check
                T original = made.fresh();
                contents(original, steps.subList(0, from));
                T resumed = made.fresh();
                try {
                    ((StatefulSelector) resumed).restoreState(state.clone());
                } catch (RuntimeException | StackOverflowError | AssertionError | LinkageError e) {
                    fail(made + " threw " + e + " when restored after " + from
                            + " steps: read whatever saveState() wrote.", e);
                }
                for (Call<B> step : steps.subList(from, steps.size())) {
                    if (!Arrays.deepEquals(content(resumed, step.with(copy(step.batch()))),
                            content(original, step.with(copy(step.batch()))))) {
                        fail(made + ", restored after " + from + " steps, answered " + step
                                + " otherwise than the one that saved: save everything that select reads and writes.");
                    }
                }
            }
        });
    }

    @Test
    @DisplayName("A StatefulSelector that cannot read a state says so with a D3sException")
    final void shouldSayThatItCannotReadAState() {
        forEachConfiguration(made -> {
            T selector = made.fresh();
            StatefulSelector stateful = state(selector);
            if (stateful == null) {
                return;
            }
            contents(selector, steps());
            byte[] state = saved(stateful);
            if (state == null) {
                return;
            }
            for (byte[] damaged : List.of(new byte[0], Arrays.copyOf(state, Math.max(0, state.length - 1)),
                    Arrays.copyOf(state, state.length / 2), Arrays.copyOf(state, state.length + 1))) {
                try {
                    ((StatefulSelector) made.fresh()).restoreState(damaged);
                } catch (RuntimeException | StackOverflowError | AssertionError | LinkageError e) {
                    if (!(e instanceof D3sException)) {
                        fail(made + " threw " + e + " for " + damaged.length + " of the " + state.length
                                + " bytes it had saved: check their length and form, and throw a D3sException that says"
                                + " what to do.", e);
                    }
                }
            }
        });
    }
}
