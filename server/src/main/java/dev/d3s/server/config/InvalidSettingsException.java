package dev.d3s.server.config;

import java.util.List;

/** Settings that are wrong, all of them. */
public final class InvalidSettingsException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    private final transient List<String> mistakes;

    InvalidSettingsException(List<String> mistakes) {
        super(mistakes.size() == 1
                ? mistakes.getFirst()
                : "The configuration has " + mistakes.size() + " mistakes:\n- " + String.join("\n- ", mistakes));
        this.mistakes = List.copyOf(mistakes);
    }

    /** One sentence each. */
    public List<String> mistakes() {
        return mistakes;
    }
}
