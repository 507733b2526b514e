package dev.d3s.server.model.template;

import java.time.Clock;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.template.Arguments.Bound;
import dev.d3s.server.model.template.Statement.Target;
import dev.d3s.server.model.template.Values.Function;
import dev.d3s.server.model.template.Values.Namespace;
import dev.d3s.server.model.template.Values.Tuple;
import dev.d3s.server.model.template.Values.Undefined;

/**
 * Renders one template once. As in Jinja, what a loop, a macro or a block sets is gone behind it, and what {@code if} sets stays. Every expression
 * and statement is a step; steps, time and output are limited, because templates come with models that somebody downloaded. One thread.
 */
final class Interpreter {
    private static final long MAX_STEPS = 5_000_000;
    private static final long MAX_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final int MAX_CALLS = 100;
    /** As Jinja's sandbox. */
    private static final int MAX_RANGE = 100_000;

    /** How a body ended. */
    private enum Flow {
        NEXT, BREAK, CONTINUE
    }

    /** The variables of one block; those of the block around it are seen, not changed. */
    private static final class Scope {
        private final Map<String, @Nullable Object> variables = new HashMap<>();
        private final @Nullable Scope around;

        Scope(@Nullable Scope around) {
            this.around = around;
        }

        @Nullable
        Object find(String name) {
            for (Scope scope = this; scope != null; scope = scope.around) {
                if (scope.variables.containsKey(name)) {
                    return scope.variables.get(name);
                }
            }
            return new Undefined("'" + name + "'");
        }
    }

    private final Clock clock;
    private final long start = System.nanoTime();
    private Scope scope = new Scope(null);
    private StringBuilder out = new StringBuilder();
    private long written;
    private long steps;
    private int calls;
    private int line;

    Interpreter(Map<String, ?> variables, Clock clock) {
        this.clock = clock;
        functions();
        scope = new Scope(scope);
        variables.forEach((name, value) -> scope.variables.put(name, Values.imported(value, 0)));
    }

    int line() {
        return line;
    }

    String run(List<Statement> body) {
        scope = new Scope(scope);
        execute(body);
        return out.toString();
    }

    // ---- functions

    private void functions() {
        define("range", this::range);
        define("dict", Interpreter::dictionary);
        define("namespace", arguments -> {
            Namespace namespace = new Namespace();
            dictionary(arguments).forEach((name, value) -> namespace.set(Values.text(name), value));
            return namespace;
        });
        define("raise_exception", arguments -> {
            throw new TemplateException(TemplateException.Reason.REFUSED, 0,
                    Values.text(arguments.bind("message").value(0)));
        });
        define("strftime_now", arguments -> DateFormat.of(ZonedDateTime.now(clock), arguments.bind("format").text(0)));
        define("cycler", Interpreter::cycler);
        define("joiner", arguments -> {
            String separator = Values.text(arguments.bind("sep").value(0, ", "));
            boolean[] used = new boolean[1];
            return (Function) none -> {
                String text = used[0] ? separator : "";
                used[0] = true;
                return text;
            };
        });
    }

    private void define(String name, Function function) {
        scope.variables.put(name, function);
    }

    private @Nullable Object range(Arguments arguments) {
        Bound bound = arguments.bind("start", "stop", "step");
        long first = bound.has(1) ? Values.integer(bound.value(0)) : 0;
        long stop = Values.integer(bound.value(bound.has(1) ? 1 : 0));
        long by = bound.integer(2, 1);
        if (by == 0) {
            throw TemplateException.failed("the step of a range is 0");
        }
        if (Math.abs(stop - first) / Math.abs(by) > MAX_RANGE) {
            throw TemplateException.limit("a range has more than " + MAX_RANGE + " numbers");
        }
        List<@Nullable Object> numbers = new ArrayList<>();
        for (long number = first; by > 0 ? number < stop : number > stop; number += by) {
            numbers.add(number);
        }
        return numbers;
    }

    private static Map<@Nullable Object, @Nullable Object> dictionary(Arguments arguments) {
        Map<@Nullable Object, @Nullable Object> map = new LinkedHashMap<>();
        for (Object source : arguments.positional()) {
            if (source instanceof Map<?, ?> given) {
                map.putAll(given);
            } else {
                for (Object pair : Values.elements(source)) {
                    List<@Nullable Object> both = Values.elements(pair);
                    if (both.size() != 2) {
                        throw TemplateException.failed("dict needs pairs");
                    }
                    map.put(Values.key(both.get(0)), both.get(1));
                }
            }
        }
        map.putAll(arguments.named());
        return map;
    }

    private static Object cycler(Arguments arguments) {
        List<@Nullable Object> items = arguments.positional();
        if (items.isEmpty()) {
            throw TemplateException.failed("cycler needs at least one item");
        }
        int[] at = new int[1];
        return (Values.Attributes) name -> switch (name) {
            case "current" -> items.get(at[0]);
            case "next" -> (Function) none -> {
                Object item = items.get(at[0]);
                at[0] = (at[0] + 1) % items.size();
                return item;
            };
            case "reset" -> (Function) none -> {
                at[0] = 0;
                return null;
            };
            default -> new Undefined("the member '" + name + "' of a cycler");
        };
    }

    // ---- statements

    private Flow execute(List<Statement> body) {
        for (Statement statement : body) {
            Flow flow = execute(statement);
            if (flow != Flow.NEXT) {
                return flow;
            }
        }
        return Flow.NEXT;
    }

    private Flow execute(Statement statement) {
        switch (statement) {
            case Statement.Data data -> write(data.text());
            case Statement.Print print -> {
                at(print.line());
                write(Values.text(evaluate(print.expression())));
            }
            case Statement.If test -> {
                for (int index = 0; index < test.tests().size(); index++) {
                    if (Values.truth(evaluate(test.tests().get(index)))) {
                        return execute(test.bodies().get(index));
                    }
                }
                return execute(test.otherwise());
            }
            case Statement.For loop -> {
                at(loop.line());
                loop(loop, evaluate(loop.iterable()), 1);
            }
            case Statement.Set set -> {
                at(set.line());
                assign(set.target(), evaluate(set.value()));
            }
            case Statement.SetBlock set -> {
                at(set.line());
                String text = captured(set.body());
                Expression.Filter filter = set.filter();
                assign(set.target(), filter == null ? text : filtered(filter, text));
            }
            case Statement.Macro macro -> {
                at(macro.line());
                scope.variables.put(macro.name(), macro(macro));
            }
            case Statement.CallBlock block -> {
                at(block.line());
                Function caller = macro(block.caller());
                Arguments arguments = arguments(block.call().arguments(), "call");
                Map<String, @Nullable Object> named = new LinkedHashMap<>(arguments.named());
                named.put("caller", caller);
                write(Values.text(call(block.call().function(), new Arguments(arguments.function(),
                        arguments.positional(), named))));
            }
            case Statement.FilterBlock block -> {
                at(block.line());
                write(Values.text(filtered(block.filter(), captured(block.body()))));
            }
            case Statement.With with -> {
                at(with.line());
                Scope inner = new Scope(scope);
                List<@Nullable Object> values = new ArrayList<>();
                with.values().forEach(value -> values.add(evaluate(value)));
                return inside(inner, () -> {
                    for (int index = 0; index < values.size(); index++) {
                        assign(with.targets().get(index), values.get(index));
                    }
                    return execute(with.body());
                });
            }
            case Statement.Group group -> {
                return inside(new Scope(scope), () -> execute(group.body()));
            }
            case Statement.Break end -> {
                return Flow.BREAK;
            }
            case Statement.Continue next -> {
                return Flow.CONTINUE;
            }
        }
        return Flow.NEXT;
    }

    /** A body that runs in a scope. */
    private interface Body {
        Flow run();
    }

    private Flow inside(Scope inner, Body body) {
        Scope outer = scope;
        scope = inner;
        try {
            return body.run();
        } finally {
            scope = outer;
        }
    }

    private String captured(List<Statement> body) {
        StringBuilder outer = out;
        StringBuilder inner = new StringBuilder();
        out = inner;
        try {
            inside(new Scope(scope), () -> execute(body));
        } finally {
            out = outer;
        }
        return inner.toString();
    }

    private void loop(Statement.For loop, @Nullable Object iterable, int depth) {
        List<@Nullable Object> elements = new ArrayList<>();
        Expression filter = loop.filter();
        Scope outer = scope;
        for (Object element : Values.elements(iterable)) {
            if (filter == null) {
                elements.add(element);
                continue;
            }
            inside(new Scope(outer), () -> {
                assign(loop.target(), element);
                if (Values.truth(evaluate(filter))) {
                    elements.add(element);
                }
                return Flow.NEXT;
            });
        }
        if (elements.isEmpty()) {
            inside(new Scope(outer), () -> execute(loop.otherwise()));
            return;
        }
        Loop state = new Loop(loop, outer, elements, depth);
        for (int index = 0; index < elements.size(); index++) {
            at(loop.line());
            state.index = index;
            Object element = elements.get(index);
            Flow flow = inside(new Scope(outer), () -> {
                scope.variables.put("loop", state);
                assign(loop.target(), element);
                return execute(loop.body());
            });
            if (flow == Flow.BREAK) {
                return;
            }
        }
    }

    /** What {@code loop} is inside a loop. */
    private final class Loop implements Values.Attributes, Function {
        private final Statement.For statement;
        private final Scope outer;
        private final List<@Nullable Object> elements;
        private final int depth;
        private int index;
        private @Nullable List<@Nullable Object> seen;

        Loop(Statement.For statement, Scope outer, List<@Nullable Object> elements, int depth) {
            this.statement = statement;
            this.outer = outer;
            this.elements = elements;
            this.depth = depth;
        }

        @Override
        public @Nullable Object attribute(String name) {
            int size = elements.size();
            return switch (name) {
                case "index" -> index + 1L;
                case "index0" -> (long) index;
                case "revindex" -> (long) size - index;
                case "revindex0" -> size - index - 1L;
                case "first" -> index == 0;
                case "last" -> index == size - 1;
                case "length" -> (long) size;
                case "depth" -> (long) depth;
                case "depth0" -> depth - 1L;
                case "previtem" ->
                    index > 0 ? elements.get(index - 1) : new Undefined("loop.previtem of the first element");
                case "nextitem" -> index < size - 1
                        ? elements.get(index + 1)
                        : new Undefined("loop.nextitem of the last element");
                case "cycle" -> (Function) arguments -> {
                    if (arguments.positional().isEmpty()) {
                        throw TemplateException.failed("loop.cycle needs at least one item");
                    }
                    return arguments.positional().get(index % arguments.positional().size());
                };
                case "changed" -> (Function) arguments -> {
                    boolean changed = seen == null || !Values.equal(seen, arguments.positional());
                    seen = arguments.positional();
                    return changed;
                };
                default -> new Undefined("the member '" + name + "' of a loop");
            };
        }

        @Override
        public @Nullable Object call(Arguments arguments) {
            if (!statement.recursive()) {
                throw TemplateException.failed("a loop calls itself, but is not 'recursive'");
            }
            Object iterable = arguments.bind("iterable").value(0);
            return nested(() -> loop(statement, iterable, depth + 1), outer);
        }
    }

    /** Runs a macro or an inner loop in its scope and returns what it writes. */
    private String nested(Runnable body, Scope around) {
        if (++calls > MAX_CALLS) {
            throw TemplateException.limit("macros call each other more than " + MAX_CALLS + " deep");
        }
        StringBuilder outer = out;
        StringBuilder inner = new StringBuilder();
        int from = line;
        out = inner;
        try {
            inside(around, () -> {
                body.run();
                return Flow.NEXT;
            });
        } finally {
            out = outer;
            calls--;
        }
        line = from;
        return inner.toString();
    }

    private Function macro(Statement.Macro macro) {
        Scope definition = scope;
        return arguments -> nested(() -> {
            bind(macro, arguments);
            execute(macro.body());
        }, new Scope(definition));
    }

    private void bind(Statement.Macro macro, Arguments arguments) {
        List<String> parameters = macro.parameters();
        List<@Nullable Object> positional = arguments.positional();
        Map<String, @Nullable Object> named = new LinkedHashMap<>(arguments.named());
        if (named.containsKey("caller") && !parameters.contains("caller")) {
            scope.variables.put("caller", named.remove("caller"));
        }
        int required = parameters.size() - macro.defaults().size();
        for (int index = 0; index < parameters.size(); index++) {
            String name = parameters.get(index);
            if (index < positional.size()) {
                scope.variables.put(name, positional.get(index));
                if (named.containsKey(name)) {
                    throw TemplateException.failed("macro '" + macro.name() + "' gets '" + name + "' twice");
                }
            } else if (named.containsKey(name)) {
                scope.variables.put(name, named.remove(name));
            } else {
                scope.variables.put(name, index < required
                        ? new Undefined("parameter '" + name + "' was not provided: it")
                        : evaluate(macro.defaults().get(index - required)));
            }
        }
        if (macro.named()) {
            scope.variables.put("kwargs", named);
        } else if (!named.isEmpty()) {
            throw TemplateException.failed("macro '" + macro.name() + "' takes no argument '"
                    + named.keySet().iterator().next() + "'");
        }
        List<@Nullable Object> rest = positional.size() > parameters.size()
                ? positional.subList(parameters.size(), positional.size())
                : List.of();
        if (macro.variable()) {
            scope.variables.put("varargs", new Tuple(rest));
        } else if (!rest.isEmpty()) {
            throw TemplateException.failed("macro '" + macro.name() + "' takes not more than " + parameters.size()
                    + " arguments");
        }
    }

    private void assign(Target target, @Nullable Object value) {
        switch (target) {
            case Target.Variable variable -> scope.variables.put(variable.name(), value);
            case Target.Member member -> {
                if (!(scope.find(member.namespace()) instanceof Namespace namespace)) {
                    throw TemplateException.failed("only the members of a namespace can be set, and '"
                            + member.namespace() + "' is none");
                }
                namespace.set(member.name(), value);
            }
            case Target.Unpacked unpacked -> {
                List<@Nullable Object> values = Values.elements(value);
                if (values.size() != unpacked.targets().size()) {
                    throw TemplateException.failed(unpacked.targets().size() + " values are needed, there are "
                            + values.size());
                }
                for (int index = 0; index < values.size(); index++) {
                    assign(unpacked.targets().get(index), values.get(index));
                }
            }
        }
    }

    private void write(String text) {
        step();
        written += text.length();
        Text.checked(written);
        out.append(text);
    }

    private void at(int where) {
        line = where;
        step();
    }

    private void step() {
        steps++;
        if (steps > MAX_STEPS) {
            throw TemplateException.limit("the template takes more than " + MAX_STEPS + " steps");
        }
        if (steps % 256 == 0 && System.nanoTime() - start > MAX_NANOS) {
            throw TemplateException.limit("the template takes longer than " + TimeUnit.NANOSECONDS.toSeconds(MAX_NANOS)
                    + " seconds");
        }
    }

    // ---- expressions

    private @Nullable Object evaluate(Expression expression) {
        return Values.plain(marked(expression));
    }

    /** As {@link #evaluate}, with what {@code |safe} says about a text. */
    private @Nullable Object marked(Expression expression) {
        at(expression.line());
        return switch (expression) {
            case Expression.Literal literal -> literal.value();
            case Expression.Name name -> scope.find(name.name());
            case Expression.Sequence sequence -> {
                List<@Nullable Object> elements = new ArrayList<>();
                sequence.elements().forEach(element -> elements.add(evaluate(element)));
                yield sequence.tuple() ? new Tuple(elements) : elements;
            }
            case Expression.Mapping mapping -> {
                Map<@Nullable Object, @Nullable Object> map = new LinkedHashMap<>();
                for (int index = 0; index < mapping.keys().size(); index++) {
                    map.put(Values.key(evaluate(mapping.keys().get(index))), evaluate(mapping.values().get(index)));
                }
                yield map;
            }
            case Expression.Conditional conditional -> {
                if (Values.truth(evaluate(conditional.test()))) {
                    yield evaluate(conditional.then());
                }
                Expression otherwise = conditional.otherwise();
                yield otherwise == null ? new Undefined("the value of an 'if' without 'else'") : evaluate(otherwise);
            }
            case Expression.Logical logical -> {
                Object left = evaluate(logical.left());
                yield Values.truth(left) == logical.and() ? evaluate(logical.right()) : left;
            }
            case Expression.Not not -> !Values.truth(evaluate(not.operand()));
            case Expression.Negative negative -> Values.negative(evaluate(negative.operand()), negative.negate());
            case Expression.Arithmetic arithmetic -> {
                Object left = marked(arithmetic.left());
                Object right = marked(arithmetic.right());
                yield arithmetic.operator().equals("+") && ((left instanceof Values.Safe && right instanceof String)
                        || (right instanceof Values.Safe && left instanceof String)
                        || (left instanceof Values.Safe && right instanceof Values.Safe))
                                ? Values.Safe.joined(left, right)
                                : Values.arithmetic(arithmetic.operator(), Values.plain(left), Values.plain(right));
            }
            case Expression.Concatenation concatenation -> {
                StringBuilder text = new StringBuilder();
                for (Expression part : concatenation.parts()) {
                    text.append(Values.text(evaluate(part)));
                    Text.checked(text.length());
                }
                yield text.toString();
            }
            case Expression.Comparison comparison -> compared(comparison);
            case Expression.Attribute attribute -> Members.attribute(evaluate(attribute.object()), attribute.name());
            case Expression.Item item -> {
                Object object = evaluate(item.object());
                yield item.key() instanceof Expression.Slice slice
                        ? Members.slice(object, optional(slice.start()), optional(slice.stop()), optional(slice.step()))
                        : Members.item(object, evaluate(item.key()));
            }
            case Expression.Slice slice -> throw TemplateException.failed("a slice cannot stand here");
            case Expression.Call call -> call(call.function(), arguments(call.arguments(), described(call.function())));
            case Expression.Filter filter -> {
                Expression operand = filter.operand();
                yield Filters.apply(filter.name(), operand == null ? "" : evaluate(operand),
                        arguments(filter.arguments(), filter.name()));
            }
            case Expression.Test test -> Tests.passes(test.name(), evaluate(test.operand()),
                    arguments(test.arguments(), test.name())) != test.negated();
        };
    }

    private @Nullable Object optional(@Nullable Expression expression) {
        return expression == null ? null : evaluate(expression);
    }

    private boolean compared(Expression.Comparison comparison) {
        Object left = evaluate(comparison.first());
        for (int index = 0; index < comparison.operators().size(); index++) {
            Object right = evaluate(comparison.others().get(index));
            boolean holds = switch (comparison.operators().get(index)) {
                case "==" -> Values.equal(left, right);
                case "!=" -> !Values.equal(left, right);
                case "<" -> Values.compare(left, right) < 0;
                case "<=" -> Values.compare(left, right) <= 0;
                case ">" -> Values.compare(left, right) > 0;
                case ">=" -> Values.compare(left, right) >= 0;
                case "in" -> Values.contains(right, left);
                default -> !Values.contains(right, left);
            };
            if (!holds) {
                return false;
            }
            left = right;
        }
        return true;
    }

    /** The filters of a block: the innermost one has no operand, and works on the block's text. */
    private @Nullable Object filtered(Expression.Filter filter, String text) {
        Object operand = filter.operand() instanceof Expression.Filter inner ? filtered(inner, text) : text;
        at(filter.line());
        return Values.plain(Filters.apply(filter.name(), operand, arguments(filter.arguments(), filter.name())));
    }

    private Arguments arguments(Expression.CallArguments given, String function) {
        List<@Nullable Object> positional = new ArrayList<>();
        given.positional().forEach(argument -> positional.add(evaluate(argument)));
        if (given.rest() != null) {
            positional.addAll(Values.elements(evaluate(given.rest())));
        }
        Map<String, @Nullable Object> named = new LinkedHashMap<>();
        for (int index = 0; index < given.names().size(); index++) {
            named.put(given.names().get(index), evaluate(given.named().get(index)));
        }
        if (given.namedRest() != null) {
            if (!(evaluate(given.namedRest()) instanceof Map<?, ?> map)) {
                throw TemplateException.failed("only a mapping can stand behind '**'");
            }
            map.forEach((name, value) -> named.put(Values.text(name), value));
        }
        return new Arguments(function, positional, named);
    }

    private @Nullable Object call(Expression function, Arguments arguments) {
        Object callee = evaluate(function);
        return switch (callee) {
            case Function callable -> callable.call(arguments);
            case Undefined undefined -> throw undefined.failure();
            case null, default -> throw TemplateException.failed(described(function) + " is " + Values.type(callee)
                    + " and cannot be called");
        };
    }

    private static String described(Expression expression) {
        return switch (expression) {
            case Expression.Name name -> name.name();
            case Expression.Attribute attribute -> attribute.name();
            default -> "a value";
        };
    }
}
