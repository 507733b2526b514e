package dev.d3s.server.access;

import java.util.Arrays;
import java.util.Collection;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** What an API key may be used for. */
public enum Scope {
    FILES_READ, FILES_WRITE,
    /** Jobs and evaluations, their events, checkpoints, metrics and rollouts. */
    JOBS_READ,
    /** Also to try graders. */
    JOBS_WRITE, MODELS_READ, MODELS_WRITE, COMPLETIONS;

    /** The words that stand for several. */
    private static final String READ = "read";
    private static final String WRITE = "write";
    private static final String ALL = "all";

    /** {@code files:read} and so on. */
    public String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', ':');
    }

    /** Every scope there is. */
    public static Set<Scope> all() {
        return Set.copyOf(EnumSet.allOf(Scope.class));
    }

    /**
     * Scopes by their words, where {@code read} stands for reading everything, {@code write} for reading and changing everything,
     * and {@code all} for all.
     *
     * @throws IllegalArgumentException naming the words that there are
     */
    public static Set<Scope> parse(Collection<String> words) {
        EnumSet<Scope> scopes = EnumSet.noneOf(Scope.class);
        for (String word : words) {
            scopes.addAll(switch (word) {
                case READ -> ending(READ);
                case WRITE -> {
                    EnumSet<Scope> both = ending(READ);
                    both.addAll(ending(WRITE));
                    yield both;
                }
                case ALL -> EnumSet.allOf(Scope.class);
                default -> EnumSet.of(Arrays.stream(values())
                    .filter(scope -> scope.key().equals(word))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("There is no scope '" + word + "'; there are "
                            + READ + ", " + WRITE + ", " + ALL + ", "
                            + Arrays.stream(values()).map(Scope::key).collect(Collectors.joining(", ")) + ".")));
            });
        }
        return Set.copyOf(scopes);
    }

    private static EnumSet<Scope> ending(String word) {
        return Arrays.stream(values())
            .filter(scope -> scope.key().endsWith(":" + word))
            .collect(Collectors.toCollection(() -> EnumSet.noneOf(Scope.class)));
    }
}
