package dev.d3s.spi;

import java.util.List;
import java.util.stream.Collectors;

/** A plugin configuration with mistakes: all of them, not just the first. Category {@link ErrorCategory#USER}. */
public final class InvalidConfigException extends D3sException {
    private static final long serialVersionUID = 1L;

    private final transient List<ConfigProblem> problems;

    public InvalidConfigException(List<ConfigProblem> problems) {
        super(ErrorCategory.USER, "invalid_config",
                problems.stream().map(ConfigProblem::message).collect(Collectors.joining(" ")));
        this.problems = List.copyOf(problems);
    }

    /** At least one. */
    public List<ConfigProblem> problems() {
        return problems;
    }
}
