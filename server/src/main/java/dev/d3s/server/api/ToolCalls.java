package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * Finds calls of tools in what a model writes: Hermes' and Qwen's {@code <tool_call>{...}</tool_call>}, Mistral's {@code
 * [TOOL_CALLS][{...}]} and Llama's {@code {"name": ..., "parameters": {...}}} as the whole answer. Text comes in pieces;
 * what may be a call is held back until the end. A call of a function that nobody offered stays text. Not thread-safe.
 */
final class ToolCalls {
    private static final String OPEN = "<tool_call>";
    private static final String CLOSE = "</tool_call>";
    private static final String MISTRAL = "[TOOL_CALLS]";
    private static final String PYTHON = "<|python_tag|>";

    private final Set<String> functions;
    private final boolean oneCall;
    private final StringBuilder text = new StringBuilder();
    private int released;

    /** @param arguments JSON */
    record Call(String name, String arguments) {}

    /** @param content the text that is no call */
    record Found(String content, List<Call> calls) {}

    /** @param functions that may be called; none: everything is text */
    ToolCalls(Set<String> functions, boolean oneCall) {
        this.functions = functions;
        this.oneCall = oneCall;
    }

    /** @return what is certain to be text */
    String add(String piece) {
        text.append(piece);
        int end = functions.isEmpty() ? text.length() : certain();
        String part = end > released ? text.substring(released, end) : "";
        released = Math.max(released, end);
        return part;
    }

    /** Where what may be a call begins. */
    private int certain() {
        int start = 0;
        while (start < text.length() && Character.isWhitespace(text.charAt(start))) {
            start++;
        }
        if (start == text.length() || text.charAt(start) == '{' || text.charAt(start) == '[') {
            return 0;
        }
        int end = text.length();
        for (String mark : List.of(OPEN, MISTRAL, PYTHON)) {
            int at = text.indexOf(mark);
            if (at >= 0) {
                end = Math.min(end, at);
            } else {
                for (int length = Math.min(mark.length() - 1, text.length()); length > 0; length--) {
                    if (mark.startsWith(text.substring(text.length() - length))) {
                        end = Math.min(end, text.length() - length);
                        break;
                    }
                }
            }
        }
        // Space before a call belongs to neither.
        while (end > 0 && Character.isWhitespace(text.charAt(end - 1))) {
            end--;
        }
        return end;
    }

    /** The text that is left, and the calls. */
    Found end() {
        String rest = text.substring(released);
        List<Call> calls = new ArrayList<>();
        if (functions.isEmpty() || rest.isBlank()) {
            return new Found(rest, calls);
        }
        String content = rest.contains(OPEN) ? hermes(rest, calls) : whole(rest, calls);
        if (calls.isEmpty()) {
            return new Found(rest, calls);
        }
        return new Found(content, oneCall ? calls.subList(0, 1) : calls);
    }

    private String hermes(String rest, List<Call> calls) {
        StringBuilder content = new StringBuilder();
        int at = 0;
        while (true) {
            int open = rest.indexOf(OPEN, at);
            if (open < 0) {
                return content.append(rest.substring(at)).toString().strip();
            }
            int close = rest.indexOf(CLOSE, open);
            int end = close < 0 ? rest.length() : close;
            content.append(rest, at, open);
            if (!call(SamplingReader.parse(rest.substring(open + OPEN.length(), end)), calls)) {
                content.append(rest, open, close < 0 ? end : close + CLOSE.length());
            }
            at = close < 0 ? end : close + CLOSE.length();
        }
    }

    private String whole(String rest, List<Call> calls) {
        String stripped = rest.strip();
        for (String mark : List.of(MISTRAL, PYTHON)) {
            if (stripped.startsWith(mark)) {
                stripped = stripped.substring(mark.length()).strip();
            }
        }
        JsonNode node = SamplingReader.parse(stripped);
        if (node != null && node.isArray()) {
            for (JsonNode each : node) {
                if (!call(each, calls)) {
                    calls.clear();
                    break;
                }
            }
        } else {
            call(node, calls);
        }
        return calls.isEmpty() ? rest : "";
    }

    private boolean call(@org.jspecify.annotations.Nullable JsonNode node, List<Call> calls) {
        if (node == null || !functions.contains(node.path("name").asText())) {
            return false;
        }
        JsonNode arguments = node.has("arguments") ? node.path("arguments") : node.path("parameters");
        if (!arguments.isObject() && !arguments.isMissingNode()) {
            return false;
        }
        calls.add(new Call(node.path("name").asText(), arguments.isMissingNode() ? "{}" : arguments.toString()));
        return true;
    }
}
