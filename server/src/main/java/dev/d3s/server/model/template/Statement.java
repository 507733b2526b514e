package dev.d3s.server.model.template;

import java.util.List;

import org.jspecify.annotations.Nullable;

/** What writes text or changes variables. */
sealed interface Statement {
    record Data(String text) implements Statement {}

    record Print(Expression expression, int line) implements Statement {}

    record If(List<Expression> tests, List<List<Statement>> bodies, List<Statement> otherwise) implements Statement {}

    record For(Target target, Expression iterable, @Nullable Expression filter, boolean recursive,
            List<Statement> body, List<Statement> otherwise, int line) implements Statement {}

    record Set(Target target, Expression value, int line) implements Statement {}

    /** A variable that becomes the text of a block, through the filters if there are any. */
    record SetBlock(Target target, Expression.@Nullable Filter filter, List<Statement> body,
            int line) implements Statement {}

    record Macro(String name, List<String> parameters, List<Expression> defaults, List<Statement> body,
            boolean variable, boolean named, int line) implements Statement {}

    /** A call of a macro that may call {@code caller()}. */
    record CallBlock(Expression.Call call, Macro caller, int line) implements Statement {}

    record FilterBlock(Expression.Filter filter, List<Statement> body, int line) implements Statement {}

    record With(List<Target> targets, List<Expression> values, List<Statement> body, int line) implements Statement {}

    /** A block that only groups: {% generation %}, {% block %}. */
    record Group(List<Statement> body) implements Statement {}

    record Break() implements Statement {}

    record Continue() implements Statement {}

    /** What an assignment writes to. */
    sealed interface Target {
        record Variable(String name) implements Target {}

        record Member(String namespace, String name) implements Target {}

        record Unpacked(List<Target> targets) implements Target {}
    }
}
