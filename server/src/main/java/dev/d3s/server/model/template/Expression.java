package dev.d3s.server.model.template;

import java.util.List;

import org.jspecify.annotations.Nullable;

/** What has a value. Each knows its line. */
sealed interface Expression {
    int line();

    record Literal(@Nullable Object value, int line) implements Expression {}

    record Name(String name, int line) implements Expression {}

    /** A list, or a tuple when {@code tuple}. */
    record Sequence(List<Expression> elements, boolean tuple, int line) implements Expression {}

    record Mapping(List<Expression> keys, List<Expression> values, int line) implements Expression {}

    record Conditional(Expression test, Expression then, @Nullable Expression otherwise,
            int line) implements Expression {}

    /** {@code and} or {@code or}. */
    record Logical(boolean and, Expression left, Expression right, int line) implements Expression {}

    record Not(Expression operand, int line) implements Expression {}

    record Negative(Expression operand, boolean negate, int line) implements Expression {}

    record Arithmetic(String operator, Expression left, Expression right, int line) implements Expression {}

    record Concatenation(List<Expression> parts, int line) implements Expression {}

    /** {@code a < b <= c}. */
    record Comparison(Expression first, List<String> operators, List<Expression> others,
            int line) implements Expression {}

    record Attribute(Expression object, String name, int line) implements Expression {}

    record Item(Expression object, Expression key, int line) implements Expression {}

    record Slice(@Nullable Expression start, @Nullable Expression stop, @Nullable Expression step,
            int line) implements Expression {}

    record Call(Expression function, CallArguments arguments, int line) implements Expression {}

    /** {@code operand} is {@code null} in {% filter %}. */
    record Filter(@Nullable Expression operand, String name, CallArguments arguments, int line) implements Expression {}

    record Test(Expression operand, String name, CallArguments arguments, boolean negated,
            int line) implements Expression {}

    /** What stands between the parentheses of a call. */
    record CallArguments(List<Expression> positional, List<String> names, List<Expression> named,
            @Nullable Expression rest, @Nullable Expression namedRest) {
        static final CallArguments NONE = new CallArguments(List.of(), List.of(), List.of(), null, null);
    }
}
