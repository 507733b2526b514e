package dev.d3s.server.dataset;

/** What the rows of a dataset must have. */
public enum RowKind {
    /** A prompt; anything else is for the grader. */
    PROMPT,
    /** A prompt and the completion to imitate. */
    PROMPT_AND_COMPLETION
}
