package dev.d3s.server.model.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.template.Expression.CallArguments;
import dev.d3s.server.model.template.Statement.Target;

/** Tokens to statements, with the precedences of Jinja. */
final class Parser {
    /** Deeper nesting would exhaust the stack. */
    private static final int MAX_DEPTH = 200;
    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
    private static final Set<String> KNOWN_ELSEWHERE = Set.of("include", "import", "from", "extends", "autoescape",
            "do", "trans", "debug");

    private final List<Token> tokens;
    private int at;
    private int depth;

    private Parser(List<Token> tokens) {
        this.tokens = tokens;
    }

    static List<Statement> parse(String template) {
        Parser parser = new Parser(Lexer.tokens(template));
        List<Statement> body = parser.body(Set.of());
        if (parser.current().kind() != Token.Kind.END) {
            throw parser.unexpected();
        }
        return body;
    }

    // ---- statements

    /** Statements up to a block whose name is in {@code ends}, which is left as the current token. */
    private List<Statement> body(Set<String> ends) {
        deeper();
        List<Statement> body = new ArrayList<>();
        while (true) {
            Token token = current();
            switch (token.kind()) {
                case DATA -> {
                    body.add(new Statement.Data(token.text()));
                    at++;
                }
                case VARIABLE_BEGIN -> {
                    at++;
                    body.add(new Statement.Print(tuple(true, false), token.line()));
                    expect(Token.Kind.VARIABLE_END);
                }
                case BLOCK_BEGIN -> {
                    Token name = tokens.get(at + 1);
                    if (name.kind() == Token.Kind.NAME && ends.contains(name.text())) {
                        at++;
                        depth--;
                        return body;
                    }
                    at++;
                    body.add(statement());
                }
                case END -> {
                    if (!ends.isEmpty()) {
                        throw syntax("the template ends where {% " + ends.stream().sorted().toList().getLast()
                                + " %} is expected");
                    }
                    depth--;
                    return body;
                }
                case VARIABLE_END, BLOCK_END, NAME, STRING, INTEGER, FLOAT, OPERATOR -> throw unexpected();
            }
        }
    }

    private Statement statement() {
        Token token = current();
        if (token.kind() != Token.Kind.NAME) {
            throw syntax("a block begins with its name, not with " + token.described());
        }
        at++;
        return switch (token.text()) {
            case "if" -> ifStatement();
            case "for" -> forStatement(token.line());
            case "set" -> setStatement(token.line());
            case "macro" -> macro(token.line());
            case "call" -> callBlock(token.line());
            case "filter" -> filterBlock(token.line());
            case "with" -> with(token.line());
            case "generation" -> {
                endBlock();
                yield new Statement.Group(bodyOf("endgeneration"));
            }
            case "block" -> {
                expectName();
                skipName("scoped");
                skipName("required");
                endBlock();
                List<Statement> body = body(Set.of("endblock"));
                at++;
                if (current().kind() == Token.Kind.NAME) {
                    at++;
                }
                endBlock();
                yield new Statement.Group(body);
            }
            case "break" -> {
                endBlock();
                yield new Statement.Break();
            }
            case "continue" -> {
                endBlock();
                yield new Statement.Continue();
            }
            default -> throw syntax(KNOWN_ELSEWHERE.contains(token.text())
                    ? "{% " + token.text() + " %} cannot be used in chat templates"
                    : "unknown block '" + token.text() + "'");
        };
    }

    private Statement ifStatement() {
        List<Expression> tests = new ArrayList<>();
        List<List<Statement>> bodies = new ArrayList<>();
        List<Statement> otherwise = List.of();
        while (true) {
            tests.add(tuple(false, false));
            endBlock();
            bodies.add(body(Set.of("elif", "else", "endif")));
            Token end = next();
            if (end.name("elif")) {
                continue;
            }
            endBlock();
            if (end.name("else")) {
                otherwise = bodyOf("endif");
            }
            return new Statement.If(tests, bodies, otherwise);
        }
    }

    private Statement forStatement(int line) {
        Target target = target(false);
        if (!skipName("in")) {
            throw syntax("'in' is expected, not " + current().described());
        }
        Expression iterable = tuple(false, true);
        Expression filter = skipName("if") ? expression(true) : null;
        boolean recursive = skipName("recursive");
        endBlock();
        List<Statement> body = body(Set.of("else", "endfor"));
        Token end = next();
        endBlock();
        List<Statement> otherwise = end.name("else") ? bodyOf("endfor") : List.of();
        return new Statement.For(target, iterable, filter, recursive, body, otherwise, line);
    }

    private Statement setStatement(int line) {
        Target target = target(true);
        if (skip("=")) {
            Expression value = tuple(true, false);
            endBlock();
            return new Statement.Set(target, value, line);
        }
        Expression.Filter filter = current().operator("|") ? filters(null) : null;
        endBlock();
        return new Statement.SetBlock(target, filter, bodyOf("endset"), line);
    }

    private Statement.Macro macro(int line) {
        String name = expectName();
        List<String> parameters = new ArrayList<>();
        List<Expression> defaults = new ArrayList<>();
        signature(parameters, defaults);
        endBlock();
        return macro(name, parameters, defaults, bodyOf("endmacro"), line);
    }

    private Statement.Macro macro(String name, List<String> parameters, List<Expression> defaults,
            List<Statement> body, int line) {
        return new Statement.Macro(name, parameters, defaults, body, mentions(body, "varargs"),
                mentions(body, "kwargs"), line);
    }

    /** Whether a macro looks at the arguments that it did not name; only then may there be any. */
    private static boolean mentions(List<Statement> body, String name) {
        return body.toString().contains("Name[name=" + name + ",");
    }

    private void signature(List<String> parameters, List<Expression> defaults) {
        require("(");
        while (!current().operator(")")) {
            if (!parameters.isEmpty()) {
                require(",");
                if (current().operator(")")) {
                    break;
                }
            }
            parameters.add(expectName());
            if (skip("=")) {
                defaults.add(expression(true));
            } else if (!defaults.isEmpty()) {
                throw syntax("a parameter without default follows one with a default");
            }
        }
        require(")");
    }

    private Statement callBlock(int line) {
        List<String> parameters = new ArrayList<>();
        List<Expression> defaults = new ArrayList<>();
        if (current().operator("(")) {
            signature(parameters, defaults);
        }
        if (!(expression(true) instanceof Expression.Call call)) {
            throw syntax("{% call %} needs a call such as {% call name() %}");
        }
        endBlock();
        return new Statement.CallBlock(call, macro("caller", parameters, defaults, bodyOf("endcall"), line), line);
    }

    private Statement filterBlock(int line) {
        Expression.Filter filter = filterNamed(null, line);
        while (current().operator("|")) {
            filter = filters(filter);
        }
        endBlock();
        return new Statement.FilterBlock(filter, bodyOf("endfilter"), line);
    }

    private Statement with(int line) {
        List<Target> targets = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (current().kind() != Token.Kind.BLOCK_END) {
            if (!targets.isEmpty()) {
                require(",");
            }
            targets.add(target(false));
            require("=");
            values.add(expression(true));
        }
        endBlock();
        return new Statement.With(targets, values, bodyOf("endwith"), line);
    }

    private List<Statement> bodyOf(String end) {
        List<Statement> body = body(Set.of(end));
        at++;
        endBlock();
        return body;
    }

    private Target target(boolean members) {
        List<Target> targets = new ArrayList<>();
        boolean tuple = false;
        while (true) {
            targets.add(simpleTarget(members));
            if (!skip(",")) {
                break;
            }
            tuple = true;
            if (current().name("in") || current().operator("=")) {
                break;
            }
        }
        return tuple ? new Target.Unpacked(targets) : targets.getFirst();
    }

    private Target simpleTarget(boolean members) {
        if (skip("(")) {
            Target inner = target(members);
            require(")");
            return inner;
        }
        String name = expectName();
        if (Set.of("true", "false", "none", "True", "False", "None").contains(name)) {
            throw syntax("'" + name + "' cannot be assigned to");
        }
        if (members && skip(".")) {
            return new Target.Member(name, expectName());
        }
        return new Target.Variable(name);
    }

    // ---- expressions

    /** One expression, or several with commas between them as a tuple. */
    private Expression tuple(boolean conditional, boolean iterable) {
        int line = current().line();
        List<Expression> elements = new ArrayList<>();
        boolean tuple = false;
        while (true) {
            Token token = current();
            if (token.kind() == Token.Kind.VARIABLE_END || token.kind() == Token.Kind.BLOCK_END
                    || token.operator(")") || (iterable && token.name("recursive"))) {
                break;
            }
            elements.add(expression(conditional));
            if (!skip(",")) {
                break;
            }
            tuple = true;
        }
        if (elements.isEmpty()) {
            throw syntax("an expression is expected, not " + current().described());
        }
        return tuple ? new Expression.Sequence(elements, true, line) : elements.getFirst();
    }

    private Expression expression(boolean conditional) {
        deeper();
        Expression expression = conditional ? conditional() : or();
        depth--;
        return expression;
    }

    private Expression conditional() {
        int line = current().line();
        Expression then = or();
        while (skipName("if")) {
            Expression test = or();
            Expression otherwise = skipName("else") ? expression(true) : null;
            then = new Expression.Conditional(test, then, otherwise, line);
        }
        return then;
    }

    private Expression or() {
        Expression left = and();
        while (current().name("or")) {
            int line = next().line();
            left = new Expression.Logical(false, left, and(), line);
        }
        return left;
    }

    private Expression and() {
        Expression left = not();
        while (current().name("and")) {
            int line = next().line();
            left = new Expression.Logical(true, left, not(), line);
        }
        return left;
    }

    private Expression not() {
        if (current().name("not")) {
            int line = next().line();
            deeper();
            Expression operand = not();
            depth--;
            return new Expression.Not(operand, line);
        }
        return comparison();
    }

    private Expression comparison() {
        int line = current().line();
        Expression first = sum();
        List<String> operators = new ArrayList<>();
        List<Expression> others = new ArrayList<>();
        while (true) {
            Token token = current();
            if (token.kind() == Token.Kind.OPERATOR && COMPARISONS.contains(token.text())) {
                at++;
                operators.add(token.text());
            } else if (skipName("in")) {
                operators.add("in");
            } else if (token.name("not") && tokens.get(at + 1).name("in")) {
                at += 2;
                operators.add("not in");
            } else {
                break;
            }
            others.add(sum());
        }
        return operators.isEmpty() ? first : new Expression.Comparison(first, operators, others, line);
    }

    private Expression sum() {
        Expression left = concatenation();
        while (current().operator("+") || current().operator("-")) {
            Token operator = next();
            left = new Expression.Arithmetic(operator.text(), left, concatenation(), operator.line());
        }
        return left;
    }

    private Expression concatenation() {
        int line = current().line();
        Expression first = product();
        if (!current().operator("~")) {
            return first;
        }
        List<Expression> parts = new ArrayList<>(List.of(first));
        while (skip("~")) {
            parts.add(product());
        }
        return new Expression.Concatenation(parts, line);
    }

    private Expression product() {
        Expression left = power();
        while (current().operator("*") || current().operator("/") || current().operator("//")
                || current().operator("%")) {
            Token operator = next();
            left = new Expression.Arithmetic(operator.text(), left, power(), operator.line());
        }
        return left;
    }

    private Expression power() {
        Expression left = unary(true);
        while (current().operator("**")) {
            Token operator = next();
            left = new Expression.Arithmetic("**", left, unary(true), operator.line());
        }
        return left;
    }

    private Expression unary(boolean filters) {
        deeper();
        Token token = current();
        Expression expression;
        if (token.operator("-") || token.operator("+")) {
            at++;
            expression = new Expression.Negative(unary(false), token.operator("-"), token.line());
        } else {
            expression = primary();
        }
        expression = postfix(expression);
        depth--;
        return filters ? filtered(expression) : expression;
    }

    private Expression primary() {
        Token token = next();
        int line = token.line();
        switch (token.kind()) {
            case NAME -> {
                return switch (token.text()) {
                    case "true", "True" -> new Expression.Literal(true, line);
                    case "false", "False" -> new Expression.Literal(false, line);
                    case "none", "None" -> new Expression.Literal(null, line);
                    default -> new Expression.Name(token.text(), line);
                };
            }
            case STRING -> {
                StringBuilder text = new StringBuilder(token.text());
                while (current().kind() == Token.Kind.STRING) {
                    text.append(next().text());
                }
                return new Expression.Literal(text.toString(), line);
            }
            case INTEGER -> {
                return new Expression.Literal(integer(token.text()), line);
            }
            case FLOAT -> {
                return new Expression.Literal(Double.valueOf(token.text().replace("_", "")), line);
            }
            case OPERATOR -> {
                if (token.text().equals("(")) {
                    if (skip(")")) {
                        return new Expression.Sequence(List.of(), true, line);
                    }
                    deeper();
                    Expression inner = tuple(true, false);
                    depth--;
                    require(")");
                    return inner;
                }
                if (token.text().equals("[")) {
                    return list(line);
                }
                if (token.text().equals("{")) {
                    return mapping(line);
                }
            }
            case DATA, VARIABLE_BEGIN, VARIABLE_END, BLOCK_BEGIN, BLOCK_END, END -> {
                // falls out of the switch
            }
        }
        at--;
        throw unexpected();
    }

    private static Object integer(String text) {
        String digits = text.replace("_", "").toLowerCase(Locale.ROOT);
        int radix = digits.startsWith("0x") ? 16 : digits.startsWith("0o") ? 8 : digits.startsWith("0b") ? 2 : 10;
        return Values.integer(new BigInteger(radix == 10 ? digits : digits.substring(2), radix));
    }

    private Expression list(int line) {
        List<Expression> elements = new ArrayList<>();
        while (!current().operator("]")) {
            if (!elements.isEmpty()) {
                require(",");
                if (current().operator("]")) {
                    break;
                }
            }
            elements.add(expression(true));
        }
        require("]");
        return new Expression.Sequence(elements, false, line);
    }

    private Expression mapping(int line) {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!current().operator("}")) {
            if (!keys.isEmpty()) {
                require(",");
                if (current().operator("}")) {
                    break;
                }
            }
            keys.add(expression(true));
            require(":");
            values.add(expression(true));
        }
        require("}");
        return new Expression.Mapping(keys, values, line);
    }

    private Expression postfix(Expression operand) {
        Expression expression = operand;
        while (true) {
            int line = current().line();
            if (skip(".")) {
                Token name = next();
                expression = switch (name.kind()) {
                    case NAME -> new Expression.Attribute(expression, name.text(), line);
                    case INTEGER -> new Expression.Item(expression,
                            new Expression.Literal(integer(name.text()), line), line);
                    case DATA, VARIABLE_BEGIN, VARIABLE_END, BLOCK_BEGIN, BLOCK_END, STRING, FLOAT, OPERATOR, END ->
                        throw syntax("a name is expected behind '.', not " + name.described());
                };
            } else if (skip("[")) {
                expression = new Expression.Item(expression, subscript(line), line);
            } else if (current().operator("(")) {
                expression = new Expression.Call(expression, arguments(), line);
            } else {
                return expression;
            }
        }
    }

    private Expression subscript(int line) {
        List<Expression> parts = new ArrayList<>();
        while (!current().operator("]")) {
            if (!parts.isEmpty()) {
                require(",");
            }
            parts.add(slice(line));
        }
        require("]");
        if (parts.isEmpty()) {
            throw syntax("an index is expected between '[' and ']'");
        }
        return parts.size() == 1 ? parts.getFirst() : new Expression.Sequence(parts, true, line);
    }

    private Expression slice(int line) {
        Expression start = null;
        if (!current().operator(":")) {
            start = expression(true);
            if (!current().operator(":")) {
                return start;
            }
        }
        require(":");
        Expression stop = sliceEnd() ? null : expression(true);
        Expression step = skip(":") && !sliceEnd() ? expression(true) : null;
        return new Expression.Slice(start, stop, step, line);
    }

    private boolean sliceEnd() {
        return current().operator(":") || current().operator("]") || current().operator(",");
    }

    private CallArguments arguments() {
        require("(");
        List<Expression> positional = new ArrayList<>();
        List<String> names = new ArrayList<>();
        List<Expression> named = new ArrayList<>();
        Expression rest = null;
        Expression namedRest = null;
        boolean first = true;
        while (!current().operator(")")) {
            if (!first) {
                require(",");
                if (current().operator(")")) {
                    break;
                }
            }
            first = false;
            if (skip("**")) {
                namedRest = expression(true);
            } else if (skip("*")) {
                rest = expression(true);
            } else if (current().kind() == Token.Kind.NAME && tokens.get(at + 1).operator("=")) {
                names.add(next().text());
                at++;
                named.add(expression(true));
            } else if (names.isEmpty() && namedRest == null) {
                positional.add(expression(true));
            } else {
                throw syntax("an argument without name follows one with a name");
            }
        }
        require(")");
        return new CallArguments(positional, names, named, rest, namedRest);
    }

    /** Filters, tests and calls behind an expression. */
    private Expression filtered(Expression operand) {
        Expression expression = operand;
        while (true) {
            if (current().operator("|")) {
                expression = filters(expression);
            } else if (current().name("is")) {
                at++;
                expression = test(expression);
            } else if (current().operator("(")) {
                int line = current().line();
                expression = new Expression.Call(expression, arguments(), line);
            } else {
                return expression;
            }
        }
    }

    /** All filters from the current {@code |} on. */
    private Expression.Filter filters(@Nullable Expression operand) {
        Expression expression = operand;
        while (true) {
            int line = current().line();
            require("|");
            Expression.Filter filter = filterNamed(expression, line);
            if (!current().operator("|")) {
                return filter;
            }
            expression = filter;
        }
    }

    private Expression.Filter filterNamed(@Nullable Expression operand, int line) {
        String name = dotted();
        return new Expression.Filter(operand, name,
                current().operator("(") ? arguments() : CallArguments.NONE, line);
    }

    private String dotted() {
        StringBuilder name = new StringBuilder(expectName());
        while (skip(".")) {
            name.append('.').append(expectName());
        }
        return name.toString();
    }

    private Expression test(Expression operand) {
        int line = current().line();
        boolean negated = skipName("not");
        String name = dotted();
        CallArguments arguments = CallArguments.NONE;
        Token token = current();
        if (token.operator("(")) {
            arguments = arguments();
        } else if (startsArgument(token)) {
            if (token.name("is")) {
                throw syntax("tests cannot follow each other: use 'and'");
            }
            arguments = new CallArguments(List.of(postfix(primary())), List.of(), List.of(), null, null);
        }
        return new Expression.Test(operand, name, arguments, negated, line);
    }

    private static boolean startsArgument(Token token) {
        return switch (token.kind()) {
            case NAME -> !Set.of("else", "or", "and").contains(token.text());
            case STRING, INTEGER, FLOAT -> true;
            case OPERATOR -> token.text().equals("[") || token.text().equals("{");
            case DATA, VARIABLE_BEGIN, VARIABLE_END, BLOCK_BEGIN, BLOCK_END, END -> false;
        };
    }

    // ---- tokens

    private Token current() {
        return tokens.get(at);
    }

    private Token next() {
        Token token = tokens.get(at);
        if (token.kind() != Token.Kind.END) {
            at++;
        }
        return token;
    }

    private boolean skip(String operator) {
        boolean there = current().operator(operator);
        if (there) {
            at++;
        }
        return there;
    }

    private boolean skipName(String word) {
        boolean there = current().name(word);
        if (there) {
            at++;
        }
        return there;
    }

    private void require(String operator) {
        if (!skip(operator)) {
            throw syntax("'" + operator + "' is expected, not " + current().described());
        }
    }

    private String expectName() {
        if (current().kind() != Token.Kind.NAME) {
            throw syntax("a name is expected, not " + current().described());
        }
        return next().text();
    }

    private void expect(Token.Kind kind) {
        if (current().kind() != kind) {
            throw unexpected();
        }
        at++;
    }

    private void endBlock() {
        if (current().kind() != Token.Kind.BLOCK_END) {
            throw syntax("'%}' is expected, not " + current().described());
        }
        at++;
    }

    private void deeper() {
        if (++depth > MAX_DEPTH) {
            throw syntax("blocks or expressions are nested more than " + MAX_DEPTH + " deep");
        }
    }

    private TemplateException unexpected() {
        return syntax("unexpected " + current().described());
    }

    private TemplateException syntax(String text) {
        return new TemplateException(TemplateException.Reason.SYNTAX, current().line(), text);
    }
}
