package dev.d3s.server.request;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** A request with mistakes: all of them, not just the first. */
public final class InvalidRequestException extends D3sException {
    /** Mistakes that are told; nobody makes more of them by hand. */
    static final int MOST_SHOWN = 100;

    private static final long serialVersionUID = 1L;

    private final transient List<Mistake> mistakes;

    /** @param mistakes at least one, in the order of the request */
    public InvalidRequestException(List<Mistake> mistakes) {
        super(ErrorCategory.USER, mistakes.getFirst().code(), message(shown(mistakes)));
        this.mistakes = shown(mistakes);
    }

    public InvalidRequestException(String param, String code, String message) {
        this(List.of(new Mistake(param, code, message)));
    }

    /** At least one. */
    public List<Mistake> mistakes() {
        return mistakes;
    }

    /** All that a person would read. */
    private static List<Mistake> shown(List<Mistake> mistakes) {
        return List.copyOf(mistakes.subList(0, Math.min(MOST_SHOWN, mistakes.size())));
    }

    private static String message(List<Mistake> mistakes) {
        if (mistakes.size() == 1) {
            return mistakes.getFirst().message();
        }
        return mistakes.size() + " mistakes: " + IntStream.range(0, mistakes.size())
            .mapToObj(index -> "(" + (index + 1) + ") " + located(mistakes.get(index)))
            .collect(Collectors.joining(" "));
    }

    private static String located(Mistake mistake) {
        return mistake.param() == null ? mistake.message() : mistake.param() + ": " + mistake.message();
    }
}
