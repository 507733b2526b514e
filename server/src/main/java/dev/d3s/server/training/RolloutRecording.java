package dev.d3s.server.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.advantage.Advantages;
import dev.d3s.server.dataset.TokenizedRow;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.reward.Grades;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.TokenTexts;
import dev.d3s.server.selection.KeptRollouts;
import dev.d3s.server.selection.KeptTokens;
import dev.d3s.server.selection.RecordedRollout;
import dev.d3s.spi.TokenBatch;

/**
 * Describes a few rollouts of a step for people: whole groups, those of which something was kept first, then other
 * informative ones, then the rest, each in batch order. At the end of a step, on the training thread; a step that is not
 * recorded costs nothing.
 *
 * <p>
 * One step's record is bounded, whatever the job: {@value #MOST_ROLLOUTS} rollouts, {@value #MOST_TOKENS} completion
 * tokens in all, and of each prompt {@value #MOST_PROMPT_CHARACTERS} characters. Where completions have more tokens
 * together, the longest are cut, all at the same length.
 */
final class RolloutRecording {
    static final int MOST_ROLLOUTS = 512;
    static final int MOST_TOKENS = 32_768;
    static final int MOST_PROMPT_CHARACTERS = 16_384;
    private static final int MOST_ERROR_CHARACTERS = 1000;

    private final RecordingSettings settings;
    private final int steps;
    private final Tokenizer tokenizer;

    RolloutRecording(RecordingSettings settings, int steps, Tokenizer tokenizer) {
        this.settings = settings;
        this.steps = steps;
        this.tokenizer = tokenizer;
    }

    /**
     * Everything that is known of a step's rollouts after both selections.
     *
     * @param rows {@code [P]}
     * @param grades by group
     * @param advantages {@code [R]}
     * @param candidates what the token level chose from, {@code [K][T]}; {@code null} in a step that kept nothing
     * @param tokens what it chose; {@code null} likewise
     */
    record Step(List<TokenizedRow> rows, Rollouts rollouts, Grades grades, Advantages advantages, KeptRollouts kept,
            @Nullable TokenBatch candidates, @Nullable KeptTokens tokens) {}

    /** @return empty when the step is not to be recorded */
    List<RecordedRollout> of(int number, Step step) {
        if (!settings.due(number, steps)) {
            return List.of();
        }
        int[] chosen = chosen(step);
        int longest = longest(Arrays.stream(chosen)
            .map(rollout -> step.rollouts.completion().get(rollout).length())
            .toArray(), MOST_TOKENS);
        List<RecordedRollout> recorded = new ArrayList<>();
        for (int rollout : chosen) {
            recorded.add(described(step, rollout, longest));
        }
        return recorded;
    }

    /** Indices into the batch, group by group. */
    private int[] chosen(Step step) {
        int[] group = step.rollouts.group();
        int[] rank = new int[step.rollouts.groupCount()];
        Arrays.fill(rank, 2);
        for (int rollout = 0; rollout < group.length; rollout++) {
            if (step.advantages.advantage()[rollout] != 0) {
                rank[group[rollout]] = 1;
            }
        }
        for (int rollout : step.kept.kept()) {
            rank[group[rollout]] = 0;
        }
        return IntStream.range(0, rank.length)
            .boxed()
            .sorted(Comparator.comparingInt(each -> rank[each]))
            .limit(settings.groups())
            .flatMapToInt(each -> IntStream.range(0, group.length).filter(rollout -> group[rollout] == each))
            .limit(MOST_ROLLOUTS)
            .toArray();
    }

    /** The largest length at which to cut so that no more than so many tokens are left. */
    static int longest(int[] lengths, int most) {
        int[] ascending = Arrays.stream(lengths).sorted().toArray();
        int left = most;
        for (int i = 0; i < ascending.length; i++) {
            int share = left / (ascending.length - i);
            if (ascending[i] > share) {
                return share;
            }
            left -= ascending[i];
        }
        return Integer.MAX_VALUE;
    }

    private RecordedRollout described(Step step, int rollout, int longest) {
        int group = step.rollouts.group()[rollout];
        int index = rollout - firstOf(step.rollouts.group(), rollout);
        Completion completion = step.rollouts.completion().get(rollout);
        int length = Math.min(completion.length(), longest);
        int[] ids = Arrays.copyOf(completion.tokens(), length);
        String[] texts = TokenTexts.of(tokenizer, ids);
        int row = Arrays.binarySearch(step.kept.kept(), rollout);
        List<RecordedRollout.Token> tokens = new ArrayList<>(length);
        for (int t = 0; t < length; t++) {
            boolean kept = row >= 0 && step.tokens != null && step.tokens.kept()[row][t];
            float entropy = row >= 0 && step.candidates != null
                    ? step.candidates.entropy()[row][t]
                    : completion.entropies()[t];
            tokens.add(new RecordedRollout.Token(ids[t], texts[t], completion.logprobs()[t], entropy, kept,
                    kept ? weight(step, row, t) : 0));
        }
        String prompt = step.rows.get(group).row().prompt();
        String shown = beginning(prompt, MOST_PROMPT_CHARACTERS);
        double reward = step.grades.reward()[group][index];
        String error = step.grades.error()[group][index];
        return new RecordedRollout(group, index, shown, tokenizer.decodeContinuation(ids),
                Double.isNaN(reward) ? null : reward,
                error.isEmpty() ? null : beginning(error, MOST_ERROR_CHARACTERS), step.advantages.advantage()[rollout],
                row >= 0 ? step.kept.advantage()[row] : null, row >= 0,
                completion.finishReason().name().toLowerCase(Locale.ROOT), completion.length(),
                length < completion.length() || shown.length() < prompt.length(), tokens);
    }

    private static float weight(Step step, int row, int t) {
        float[][] weight = step.tokens == null ? null : step.tokens.weight();
        return weight == null ? 1 : weight[row][t];
    }

    private static int firstOf(int[] group, int rollout) {
        int first = rollout;
        while (first > 0 && group[first - 1] == group[rollout]) {
            first--;
        }
        return first;
    }

    /** No more than so many characters, and no half of one. */
    private static String beginning(String text, int most) {
        if (text.length() <= most) {
            return text;
        }
        return text.substring(0, Character.isHighSurrogate(text.charAt(most - 1)) ? most - 1 : most);
    }
}
