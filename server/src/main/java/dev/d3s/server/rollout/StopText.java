package dev.d3s.server.rollout;

import java.util.List;

/** Finds stop texts in text that comes in pieces, and holds back what may be the beginning of one. Not thread-safe. */
final class StopText {
    private final List<String> stops;
    private final StringBuilder text = new StringBuilder();
    private int released;
    private boolean found;

    /** @param stops none of them empty */
    StopText(List<String> stops) {
        this.stops = stops;
    }

    /** Whether a stop text was met; what is added later is ignored. */
    boolean found() {
        return found;
    }

    /** @return the text that is now certain to precede any stop text */
    String add(String piece) {
        if (found || piece.isEmpty()) {
            return "";
        }
        int seen = text.length();
        text.append(piece);
        int end = text.length();
        for (String stop : stops) {
            int at = text.indexOf(stop, Math.max(0, seen - stop.length() + 1));
            if (at >= 0 && at < end) {
                end = at;
                found = true;
            }
        }
        if (found) {
            text.setLength(end);
            return release(end);
        }
        return release(end - held());
    }

    /** @return what was held back and turned out not to be a stop text */
    String rest() {
        return release(text.length());
    }

    /** All text before the stop text. */
    String text() {
        return text.toString();
    }

    private String release(int end) {
        String part = end > released ? text.substring(released, end) : "";
        released = Math.max(released, end);
        return part;
    }

    /** Length of the longest end of the text that is a beginning of a stop text. */
    private int held() {
        int longest = 0;
        for (String stop : stops) {
            for (int length = Math.min(stop.length() - 1, text.length()); length > longest; length--) {
                if (stop.startsWith(text.substring(text.length() - length))) {
                    longest = length;
                }
            }
        }
        return longest;
    }
}
