package dev.d3s.server.job;

/** What a plugin can be. */
public enum PluginKind {
    ROLLOUT_SELECTOR("rollout selector"), TOKEN_SELECTOR("token selector"), SCHEDULE("schedule"), REWARD_FUNCTION(
            "grader");

    private final String words;

    PluginKind(String words) {
        this.words = words;
    }

    /** The kind in a sentence. */
    public String words() {
        return words;
    }
}
