package dev.d3s.server.model.template;

/**
 * A piece of a template.
 *
 * @param text as written; of a string, its value
 */
record Token(Kind kind, String text, int line) {
    enum Kind {
        DATA, VARIABLE_BEGIN, VARIABLE_END, BLOCK_BEGIN, BLOCK_END, NAME, STRING, INTEGER, FLOAT, OPERATOR, END
    }

    boolean operator(String symbol) {
        return kind == Kind.OPERATOR && text.equals(symbol);
    }

    boolean name(String word) {
        return kind == Kind.NAME && text.equals(word);
    }

    String described() {
        return switch (kind) {
            case DATA -> "text";
            case VARIABLE_BEGIN, VARIABLE_END, BLOCK_BEGIN, BLOCK_END, NAME, INTEGER, FLOAT, OPERATOR ->
                "'" + text + "'";
            case STRING -> "a string";
            case END -> "the end of the template";
        };
    }
}
