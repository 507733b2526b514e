package dev.d3s.plugins.graders;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigKey;
import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.Grade;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.PluginConfig;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardFunctionFactory;
import dev.d3s.spi.RewardInput;

/**
 * {@code multi}, in OpenAI's format: a formula over the rewards of other graders, which it reports as the parts of its grade.
 * They are asked at the same time, since most wait for something else; what the first of them throws, in the order in which
 * they were written, is the error of the rollout. Thread-safe when they are; closing it closes them.
 */
final class MultiGrader implements RewardFunction {
    private final Map<String, RewardFunction> graders;
    private final Formula formula;
    private final String formulaText;

    MultiGrader(Map<String, RewardFunction> graders, Formula formula, String formulaText) {
        this.graders = graders;
        this.formula = formula;
        this.formulaText = formulaText;
    }

    @Override
    public double score(RewardInput rollout) throws Exception {
        return grade(rollout).reward();
    }

    @Override
    public Grade grade(RewardInput rollout) throws Exception {
        Map<String, Double> parts = graders.size() == 1 ? alone(rollout) : together(rollout);
        double reward = formula.of(parts);
        if (!Double.isFinite(reward)) {
            throw new D3sException(ErrorCategory.USER, "formula_undefined",
                    "The formula '" + formulaText + "' is " + reward + " for " + parts
                            + ": keep it from dividing by 0 and from roots and logarithms of what has none.");
        }
        return new Grade(reward, parts);
    }

    private Map<String, Double> alone(RewardInput rollout) throws Exception {
        Map.Entry<String, RewardFunction> grader = graders.entrySet().iterator().next();
        try {
            return Map.of(grader.getKey(), grader.getValue().score(rollout));
        } catch (D3sException e) {
            throw named(grader.getKey(), e);
        }
    }

    private Map<String, Double> together(RewardInput rollout) throws Exception {
        Map<String, Future<Double>> asked = new LinkedHashMap<>();
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        try {
            graders.forEach((name, grader) -> asked.put(name, threads.submit(() -> grader.score(rollout))));
            Map<String, Double> parts = new LinkedHashMap<>();
            for (Map.Entry<String, Future<Double>> answer : asked.entrySet()) {
                try {
                    parts.put(answer.getKey(), answer.getValue().get());
                } catch (ExecutionException e) {
                    switch (e.getCause()) {
                        case D3sException known -> throw named(answer.getKey(), known);
                        case Exception other -> throw other;
                        case Error error -> throw error;
                        case null, default -> throw e;
                    }
                }
            }
            return parts;
        } finally {
            // who waits for them no longer wants an answer: after a failure of one, or when this thread was interrupted
            threads.shutdownNow();
        }
    }

    private static D3sException named(String grader, D3sException failure) {
        return new D3sException(failure.category(), failure.code(), "'" + grader + "': " + failure.text(), failure);
    }

    @Override
    public void close() {
        RuntimeException failure = null;
        for (RewardFunction grader : graders.values()) {
            try {
                grader.close();
            } catch (RuntimeException e) {
                failure = e;
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    static final class Factory implements RewardFunctionFactory {
        private static final Pattern NAME = Pattern.compile("[A-Za-z][A-Za-z0-9_]{0,39}");
        /** Of the one grader, when there is no list and it has no name. */
        private static final String ONLY = "grader";

        @Override
        public String name() {
            return "multi";
        }

        @Override
        public String description() {
            return "A formula over the rewards of other graders (OpenAI's multi).";
        }

        @Override
        public List<ConfigKey> configKeys() {
            Map<String, Object> grader = Map.of("type", "object", "required", List.of("type"), "properties",
                    Map.of("type", Map.of("type", "string")));
            return List.of(new ConfigKey.Text("name", "multi", "label of this grader, free to choose"),
                    new ConfigKey.Json("graders", null,
                            Map.of("type", List.of("object", "array"), "items", grader),
                            "the graders: an object of them by name, a list of named ones, or a single one"),
                    new ConfigKey.Text("calculate_output", null,
                            "formula over their names: + - * / ^ ( ) " + String.join(" ", Formula.FUNCTIONS)));
        }

        @Override
        public RewardFunction create(PluginConfig config) {
            return create(config, GraderServices.none());
        }

        @Override
        public RewardFunction create(PluginConfig config, GraderServices services) {
            List<ConfigProblem> problems = new ArrayList<>();
            Map<String, Entry> entries = entries(config.json("graders"), problems);
            String text = config.text("calculate_output");
            Formula formula = formula(text, entries.keySet(), problems);
            Map<String, RewardFunction> graders = new LinkedHashMap<>();
            entries.forEach((name, entry) -> {
                try {
                    graders.put(name, services.grader(entry.path(), entry.members()));
                } catch (InvalidConfigException e) {
                    problems.addAll(e.problems());
                }
            });
            if (!problems.isEmpty() || formula == null) {
                graders.values().forEach(RewardFunction::close);
                throw new InvalidConfigException(problems);
            }
            return new MultiGrader(graders, formula, text);
        }

        /** @param path where it stands: {@code graders.exact}, {@code graders.0} or {@code graders} */
        private record Entry(String path, Map<String, Object> members) {}

        private static Map<String, Entry> entries(Object given, List<ConfigProblem> problems) {
            Map<String, Entry> entries = new LinkedHashMap<>();
            if (given instanceof Map<?, ?> object && object.get("type") instanceof String) {
                Map<String, Object> members = Members.of(object);
                add(entries, "graders", members.get("name") instanceof String name ? name : ONLY, members, problems);
            } else if (given instanceof Map<?, ?> object) {
                object.forEach((name, grader) -> add(entries, "graders." + name, String.valueOf(name),
                        Members.of(grader), problems));
            } else if (given instanceof List<?> list) {
                for (int i = 0; i < list.size(); i++) {
                    String path = "graders." + i;
                    Map<String, Object> members = Members.of(list.get(i));
                    if (members.get("name") instanceof String name) {
                        add(entries, path, name, members, problems);
                    } else {
                        problems.add(new ConfigProblem(path + ".name", "'" + path
                                + "' needs a 'name', by which the formula knows it: only graders in an object have one already."));
                    }
                }
            }
            if (entries.isEmpty() && problems.isEmpty()) {
                problems.add(new ConfigProblem("graders", "'graders' is empty but must have at least one grader."));
            }
            return entries;
        }

        private static void add(Map<String, Entry> entries, String path, String name, Map<String, Object> members,
                List<ConfigProblem> problems) {
            if (!NAME.matcher(name).matches()) {
                problems.add(new ConfigProblem(path, "'" + path + "' is named '" + name
                        + "', but a name has 1 to 40 letters, digits and _, and begins with a letter, so that the formula can use it."));
            } else if (Formula.FUNCTIONS.contains(name)) {
                problems.add(new ConfigProblem(path,
                        "'" + path + "' is named '" + name + "', which is a function of formulas: rename it."));
            } else if (entries.putIfAbsent(name, new Entry(path, members)) != null) {
                problems.add(new ConfigProblem(path, "'" + path + "' is named '" + name
                        + "' as another grader is: give each a name of its own."));
            } else if (entries.size() > Grade.MAXIMUM_PARTS) {
                problems.add(new ConfigProblem(path, "'graders' has more than " + Grade.MAXIMUM_PARTS
                        + " graders: put some of them into a 'multi' of their own."));
                entries.remove(name);
            }
        }

        private static @Nullable Formula formula(String text, Set<String> names,
                List<ConfigProblem> problems) {
            try {
                Formula formula = Formula.parse(text);
                for (String name : new TreeSet<>(formula.names())) {
                    if (!names.contains(name)) {
                        problems.add(new ConfigProblem("calculate_output", "'calculate_output' names '" + name
                                + "', which is no grader; known: " + String.join(", ", names) + "."));
                    }
                }
                return formula;
            } catch (Formula.SyntaxException e) {
                problems.add(new ConfigProblem("calculate_output",
                        "'calculate_output' is no formula. " + e.text() + "."));
                return null;
            }
        }
    }
}
