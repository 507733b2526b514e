package dev.d3s.server.config;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

/** Collects what is wrong with settings, so that all of it is said at once. Used by one thread. */
public final class SettingsCheck {
    private final List<String> mistakes = new ArrayList<>();

    /** @param message names the key, its value, and what it must be */
    SettingsCheck require(boolean right, String message) {
        if (!right) {
            mistakes.add(message);
        }
        return this;
    }

    void add(String mistake) {
        mistakes.add(mistake);
    }

    /** Settings that are made of others, or a placeholder after noting what is wrong with them. */
    <T extends @Nullable Object> T part(Supplier<? extends T> settings, T placeholder) {
        try {
            return settings.get();
        } catch (InvalidSettingsException e) {
            mistakes.addAll(e.mistakes());
        } catch (IllegalArgumentException e) {
            mistakes.add(String.valueOf(e.getMessage()));
        }
        return placeholder;
    }

    List<String> mistakes() {
        return List.copyOf(mistakes);
    }

    /** @throws InvalidSettingsException with everything that was noted */
    void orThrow() {
        if (!mistakes.isEmpty()) {
            throw new InvalidSettingsException(mistakes.stream().distinct().toList());
        }
    }
}
