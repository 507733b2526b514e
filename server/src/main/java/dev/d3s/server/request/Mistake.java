package dev.d3s.server.request;

import org.jspecify.annotations.Nullable;

/**
 * One mistake in a request.
 *
 * @param param JSON path of the member at fault, {@code method.reinforcement.d3s.rollouts.keep}; {@code null} when it is
 *            the request as a whole
 * @param code stable, snake_case
 * @param message what is wrong and what would be right, one or two sentences
 */
public record Mistake(@Nullable String param, String code, String message) {
    private static final int LONGEST_PARAM = 200;
    private static final int LONGEST_MESSAGE = 2000;

    /** What is repeated from a request has an end, whatever was sent. */
    public Mistake {
        param = param == null ? null : shortened(param, LONGEST_PARAM);
        message = shortened(message, LONGEST_MESSAGE);
    }

    private static String shortened(String text, int longest) {
        return text.length() <= longest ? text : text.substring(0, longest - 3) + "...";
    }
}
