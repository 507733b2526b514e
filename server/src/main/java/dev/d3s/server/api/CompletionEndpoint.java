package dev.d3s.server.api;

import java.nio.file.Path;
import java.util.List;

import dev.d3s.server.rollout.SamplingSettings;

/**
 * Samples completions for {@code POST /v1/completions}. Thread-safe; blocks its caller, which is a virtual thread.
 */
@FunctionalInterface
public interface CompletionEndpoint {
    /**
     * Samples everything asked for.
     *
     * @param listener hears every piece of text as soon as it can no longer become part of a stop string; the pieces of one
     *            completion make up its text
     * @return one entry per prompt
     * @throws dev.d3s.spi.D3sException before the listener heard anything: the model cannot be opened, a prompt does not fit
     *             into its context, a token id is not in its vocabulary
     */
    List<PromptCompletions> complete(Call call, Listener listener);

    /**
     * What to sample.
     *
     * @param model id
     * @param directory its files
     * @param prompts at least one
     * @param completions how many per prompt, at least 1
     * @param stop a completion ends before the first of these
     */
    record Call(String model, Path directory, List<Prompt> prompts, int completions, SamplingSettings sampling,
            List<String> stop) {
        public Call {
            prompts = List.copyOf(prompts);
            stop = List.copyOf(stop);
        }
    }

    /** A prompt as it was given. */
    sealed interface Prompt {
        /** To be tokenized as it is. */
        record Text(String text) implements Prompt {}

        /** Token ids. */
        record Tokens(int[] tokens) implements Prompt {}
    }

    /** Hears what is generated. Called on engine threads. */
    @FunctionalInterface
    interface Listener {
        /** A prompt was accepted; called once per prompt, before any of its completions is heard of. */
        default void accepted(int prompt, int[] tokens, String text) {}

        /**
         * @param prompt index into the call's prompts
         * @param completion index among the prompt's completions
         * @param piece what is new
         * @return false to abandon the whole call
         */
        boolean generated(int prompt, int completion, Piece piece);
    }

    /**
     * A part of a completion, or the whole of it.
     *
     * @param text without stop strings and special tokens
     * @param tokens {@code [T]} ids
     * @param tokenTexts {@code [T]} text of each
     * @param logprobs {@code [T]} of each under the sampled distribution before truncation
     */
    record Piece(String text, int[] tokens, List<String> tokenTexts, float[] logprobs) {
        public Piece {
            tokenTexts = List.copyOf(tokenTexts);
        }
    }

    /** Why a completion ended. */
    enum Finish {
        /** An end-of-sequence token or a stop string. */
        STOP,
        /** The length limit or the end of the context. */
        LENGTH
    }

    /** A finished completion. */
    record Finished(Piece whole, Finish finish) {}

    /**
     * A prompt's completions.
     *
     * @param promptTokens {@code [P]} ids
     * @param promptText the prompt as text
     */
    record PromptCompletions(int[] promptTokens, String promptText, List<Finished> completions) {
        public PromptCompletions {
            completions = List.copyOf(completions);
        }
    }
}
