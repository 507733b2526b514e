package dev.d3s.server.job;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** A request with mistakes: all of them, not just the first. */
public final class InvalidRequestException extends D3sException {
    private static final long serialVersionUID = 1L;

    private final transient List<Mistake> mistakes;

    /** @param mistakes at least one, in the order of the request */
    public InvalidRequestException(List<Mistake> mistakes) {
        super(ErrorCategory.USER, mistakes.getFirst().code(), message(mistakes));
        this.mistakes = List.copyOf(mistakes);
    }

    public InvalidRequestException(String param, String code, String message) {
        this(List.of(new Mistake(param, code, message)));
    }

    /** At least one. */
    public List<Mistake> mistakes() {
        return mistakes;
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
