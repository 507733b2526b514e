package dev.d3s.server.job;

import java.util.Locale;

/** What a plugin can be. */
public enum PluginKind {
    ROLLOUT_SELECTOR("rollout selector"), TOKEN_SELECTOR("token selector"), SCHEDULE("schedule"), REWARD_FUNCTION(
            "grader");

    private final String words;

    PluginKind(String words) {
        this.words = words;
    }

    /** As served: {@code rollout_selector}. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The kind in a sentence. */
    public String words() {
        return words;
    }
}
