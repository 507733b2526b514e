package dev.d3s.server.model.template;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/** The arguments of one call. */
record Arguments(String function, List<@Nullable Object> positional, Map<String, @Nullable Object> named) {
    /** Stands for an argument that was not given. */
    private enum Absent {
        VALUE
    }

    /** The arguments in the order of the parameters' names; one that names no parameter is an error. */
    Bound bind(String... parameters) {
        if (positional.size() > parameters.length) {
            throw TemplateException.failed(function + " takes " + parameters.length + " arguments, not "
                    + (positional.size() + named.size()));
        }
        @Nullable
        Object[] values = new Object[parameters.length];
        Arrays.fill(values, Absent.VALUE);
        for (int index = 0; index < positional.size(); index++) {
            values[index] = positional.get(index);
        }
        List<String> names = Arrays.asList(parameters);
        named.forEach((name, value) -> {
            int index = names.indexOf(name);
            if (index < 0 || !(values[index] instanceof Absent)) {
                throw TemplateException.failed(function + " takes no argument '" + name + "'"
                        + (index < 0 ? "" : " twice"));
            }
            values[index] = value;
        });
        return new Bound(function, names, Arrays.asList(values));
    }

    /** These arguments without the first one. */
    Arguments rest(String name) {
        return new Arguments(name, new ArrayList<>(positional.subList(1, positional.size())), named);
    }

    /** The values of parameters. */
    record Bound(String function, List<String> names, List<@Nullable Object> values) {
        boolean has(int index) {
            return !(values.get(index) instanceof Absent);
        }

        @Nullable
        Object value(int index) {
            Object value = values.get(index);
            if (value instanceof Absent) {
                throw TemplateException.failed(function + " needs the argument '" + names.get(index) + "'");
            }
            return value;
        }

        @Nullable
        Object value(int index, @Nullable Object otherwise) {
            Object value = values.get(index);
            return value instanceof Absent ? otherwise : value;
        }

        String text(int index) {
            if (value(index) instanceof String text) {
                return text;
            }
            throw TemplateException.failed(function + " needs text as '" + names.get(index) + "', not "
                    + Values.type(value(index)));
        }

        String text(int index, String otherwise) {
            return has(index) ? text(index) : otherwise;
        }

        int integer(int index, int otherwise) {
            return has(index) ? Values.integer(value(index)) : otherwise;
        }

        boolean flag(int index, boolean otherwise) {
            return has(index) ? Values.truth(value(index)) : otherwise;
        }
    }
}
