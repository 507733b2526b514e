package dev.d3s.server.plugin;

/** What a plugin can be. Names are unique within a kind. */
public enum PluginKind {
    ROLLOUT_SELECTOR("rollout_selector", "rollout selector"), //
    TOKEN_SELECTOR("token_selector", "token selector"), //
    SCHEDULE("schedule", "schedule"), //
    REWARD_FUNCTION("reward_function", "grader");

    private final String key;
    private final String words;

    PluginKind(String key, String words) {
        this.key = key;
        this.words = words;
    }

    /** As served, snake_case. */
    public String key() {
        return key;
    }

    /** As written in messages. */
    public String words() {
        return words;
    }
}
