package dev.d3s.server.grader;

import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * A grader tried on one text.
 *
 * @param name the grader's label, or its type
 * @param reward 0 where it failed
 * @param parts what the reward was made of, by name
 * @param failure which kind of failure; {@code null} for none
 * @param message of that failure
 * @param seconds it took
 */
public record GraderRun(String name, String type, double reward, Map<String, Double> parts,
        @Nullable Failure failure, @Nullable String message, double seconds) {
    /** What OpenAI's format tells apart, as far as it can occur here. */
    public enum Failure {
        /** A formula over several graders cannot be computed. */
        FORMULA,
        /** A template names what the item does not have. */
        VARIABLE,
        /** What a model said is not a score. */
        MODEL_ANSWER,
        /** A model, or a webhook, did not answer. */
        MODEL_SERVER,
        /** The sample is not what the grader reads, such as JSON. */
        SAMPLE,
        /** It took longer than its limit. */
        UNRESPONSIVE,
        /** Anything else. */
        OTHER
    }
}
