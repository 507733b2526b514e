package dev.d3s.server.model.template;

import java.time.Clock;
import java.util.List;
import java.util.Map;

/**
 * A template, read. It renders texts from plain values and reaches nothing else: no object of the server, no file. Its steps, time and output are
 * limited. Immutable; any thread.
 */
public final class Template {
    private final List<Statement> body;

    private Template(List<Statement> body) {
        this.body = body;
    }

    /**
     * Reads a template.
     *
     * @throws TemplateException when it is not written in the language
     */
    public static Template parse(String source) {
        try {
            return new Template(Parser.parse(source));
        } catch (StackOverflowError tooDeep) {
            throw new TemplateException(TemplateException.Reason.SYNTAX, 0, "the template is nested too deep");
        }
    }

    /**
     * Renders it.
     *
     * @param variables texts, numbers, booleans, null, lists and maps of such
     * @param clock what {@code strftime_now} asks for the time
     * @throws TemplateException when the template refuses the values, does what they do not allow, or exceeds its limits
     */
    public String render(Map<String, ?> variables, Clock clock) {
        Interpreter interpreter = new Interpreter(variables, clock);
        try {
            return interpreter.run(body);
        } catch (TemplateException failure) {
            throw failure.at(interpreter.line());
        } catch (StackOverflowError tooDeep) {
            throw new TemplateException(TemplateException.Reason.LIMIT, interpreter.line(),
                    "the template calls itself too often");
        }
    }
}
