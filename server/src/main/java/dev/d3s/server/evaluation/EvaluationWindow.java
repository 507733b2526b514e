package dev.d3s.server.evaluation;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

import dev.d3s.server.dataset.TokenizedRow;
import dev.d3s.server.reward.Grades;
import dev.d3s.server.reward.Grading;
import dev.d3s.server.rollout.CompletionListener;
import dev.d3s.server.rollout.CompletionResult;
import dev.d3s.server.rollout.FinishReason;
import dev.d3s.spi.RewardInput;

/**
 * Some rows of an evaluation on their way to grades. Its listeners are called on engine threads and hand the completions of a
 * prompt to the grader as soon as all of them are there; {@link #rows} comes after all of that.
 */
final class EvaluationWindow {
    private final int start;
    private final List<TokenizedRow> taken;
    private final boolean greedy;
    private final int n;
    private final Grading.Round grading;
    private final BooleanSupplier stopped;
    private final Texts greedyTexts;
    private final Texts sampledTexts;

    /**
     * @param start index of the first row
     * @param n sampled completions of each row
     */
    EvaluationWindow(int start, List<TokenizedRow> taken, boolean greedy, int n, Grading.Round grading,
            BooleanSupplier stopped) {
        this.start = start;
        this.taken = taken;
        this.greedy = greedy;
        this.n = n;
        this.grading = grading;
        this.stopped = stopped;
        this.greedyTexts = new Texts(true, greedy ? 1 : 0, 0);
        this.sampledTexts = new Texts(false, n, taken.size());
    }

    CompletionListener greedyCompletions() {
        return greedyTexts;
    }

    CompletionListener sampledCompletions() {
        return sampledTexts;
    }

    Grading.Round grading() {
        return grading;
    }

    /** The rows with their grades. */
    List<EvaluatedRow> rows(Grades grades) {
        return IntStream.range(0, taken.size()).mapToObj(row -> {
            TokenizedRow one = taken.get(row);
            List<EvaluatedRow.Completion> completions = new ArrayList<>();
            if (greedy) {
                greedyTexts.graded(row, grades, completions);
            }
            if (n > 0) {
                sampledTexts.graded(row, grades, completions);
            }
            return new EvaluatedRow(start + row, one.row().line(), one.row().prompt(), one.prompt().length,
                    one.row().item(), completions);
        }).toList();
    }

    /** The completions of one call of the completion service, which numbers them prompt by prompt. */
    private final class Texts implements CompletionListener {
        private final boolean mostLikely;
        private final int each;
        private final int firstGroup;
        /** {@code [rows * each]}, each used by one thread at a time. */
        private final List<StringBuilder> texts;
        private final int[] tokens;
        private final boolean[] truncated;
        /** {@code [rows]} completions that are still generated; counting down publishes what was written before. */
        private final AtomicIntegerArray open;

        /**
         * @param mostLikely whether these are the greedy ones
         * @param each completions of a prompt
         * @param firstGroup the first prompt's group in the grading round
         */
        Texts(boolean mostLikely, int each, int firstGroup) {
            this.mostLikely = mostLikely;
            this.each = each;
            this.firstGroup = firstGroup;
            int count = taken.size() * each;
            this.texts = IntStream.range(0, count).mapToObj(choice -> new StringBuilder()).toList();
            this.tokens = new int[count];
            this.truncated = new boolean[count];
            this.open = new AtomicIntegerArray(taken.size());
            for (int row = 0; row < taken.size(); row++) {
                open.set(row, each);
            }
        }

        @Override
        public void text(int choice, CompletionResult.Piece piece) {
            texts.get(choice).append(piece.text());
            tokens[choice] += piece.tokens().length;
        }

        @Override
        public void finished(int choice, FinishReason reason) {
            truncated[choice] = reason == FinishReason.LENGTH;
            int row = choice / each;
            if (open.decrementAndGet(row) == 0) {
                grading.submit(firstGroup + row,
                        IntStream.range(row * each, (row + 1) * each).mapToObj(this::input).toList());
            }
        }

        @Override
        public boolean cancelled() {
            return stopped.getAsBoolean();
        }

        private RewardInput input(int choice) {
            TokenizedRow row = taken.get(choice / each);
            return new RewardInput(row.row().prompt(), texts.get(choice).toString(), truncated[choice],
                    row.row().item(), tokens[choice]);
        }

        void graded(int row, Grades grades, List<EvaluatedRow.Completion> completions) {
            for (int index = 0; index < each; index++) {
                int choice = row * each + index;
                String error = grades.error()[firstGroup + row][index];
                completions.add(new EvaluatedRow.Completion(mostLikely, texts.get(choice).toString(), tokens[choice],
                        truncated[choice],
                        grades.reward()[firstGroup + row][index], error.isEmpty() ? null : error,
                        grades.partsOf().get(firstGroup + row).get(index)));
            }
        }
    }
}
