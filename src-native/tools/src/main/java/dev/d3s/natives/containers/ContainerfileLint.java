package dev.d3s.natives.containers;

import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Rules for Containerfiles: bases with a tag that is not {@code latest}, several stages, what is copied exists, nothing is
 * fetched by {@code ADD}, no secrets, and a last stage that a user without rights runs, with a health check, labels and a port.
 */
final class ContainerfileLint {
    private static final Pattern VARIABLE = Pattern.compile("\\$\\{?([A-Za-z_]\\w*)}?");
    private static final Pattern SECRET = Pattern
        .compile("(?i)(password|passwd|secret|token|api_?key|private_?key|credential)\\w*\\s*[=:]\\s*[^\\s$]");
    private static final List<String> LABELS = List.of("title", "description", "licenses", "version", "revision",
            "created");

    private final Path project;
    private final List<String> mistakes = new ArrayList<>();

    private ContainerfileLint(Path project) {
        this.project = project;
    }

    /**
     * Checks one.
     *
     * @param file its text
     * @param project the directory that images are built from
     * @return what is wrong, each with its line; empty when nothing is
     */
    static List<String> mistakes(String file, Path project) {
        ContainerfileLint lint = new ContainerfileLint(project);
        lint.check(Instruction.parse(file));
        return lint.mistakes;
    }

    private void check(List<Instruction> instructions) {
        Map<String, String> arguments = new HashMap<>();
        Set<String> stages = new HashSet<>();
        List<Instruction> last = new ArrayList<>();
        int from = 0;
        for (Instruction instruction : instructions) {
            switch (instruction.name()) {
                case "FROM" -> {
                    from++;
                    last.clear();
                    checkBase(instruction, arguments, stages);
                }
                case "ARG" -> {
                    String[] parts = instruction.text().split("=", 2);
                    if (from == 0) {
                        arguments.put(parts[0].strip(), parts.length > 1 ? parts[1].strip() : "");
                    }
                }
                case "ADD" -> report(instruction, "ADD unpacks and downloads: use COPY, or RUN with a checksum");
                case "COPY" -> checkCopy(instruction, stages);
                case "RUN" -> checkRun(instruction);
                default -> {
                    // looked at in the last stage
                }
            }
            if (!instruction.name().equals("RUN") && SECRET.matcher(instruction.text()).find()) {
                report(instruction, "what looks like a secret stays in the image: give it when the container runs");
            }
            last.add(instruction);
        }
        if (from < 2) {
            mistakes.add("one stage only: build in one and copy what is needed into another");
        }
        checkLast(last);
    }

    private void checkBase(Instruction instruction, Map<String, String> arguments, Set<String> stages) {
        List<String> words = instruction.words();
        if (words.isEmpty()) {
            report(instruction, "no base");
            return;
        }
        String base = substitute(words.getFirst(), arguments);
        if (!stages.contains(base) && !base.equals("scratch") && !base.contains("@sha256:")) {
            int colon = base.lastIndexOf(':');
            if (colon < 0 || colon < base.lastIndexOf('/')) {
                report(instruction, base + " has no tag");
            } else if (base.substring(colon + 1).startsWith("latest")) {
                report(instruction, base + " is whatever is newest: name a version");
            }
            if (!base.substring(0, Math.max(0, base.indexOf('/'))).contains(".")) {
                report(instruction, base + " names no registry, and engines differ in which they take");
            }
        }
        if (words.size() == 3 && words.get(1).equalsIgnoreCase("as")) {
            stages.add(words.get(2));
        }
    }

    private static String substitute(String text, Map<String, String> arguments) {
        Matcher matcher = VARIABLE.matcher(text);
        return matcher.replaceAll(found -> Matcher.quoteReplacement(arguments.getOrDefault(found.group(1), "")));
    }

    private void checkCopy(Instruction instruction, Set<String> stages) {
        String stage = instruction.option("from");
        List<String> words = instruction.words();
        if (words.size() < 2) {
            report(instruction, "copies nothing");
        } else if (!stage.isEmpty()) {
            if (!stages.contains(stage)) {
                report(instruction, "there is no earlier stage '" + stage + "'");
            }
        } else {
            for (String source : words.subList(0, words.size() - 1)) {
                if (!exists(source)) {
                    report(instruction, source + " does not exist");
                }
            }
        }
    }

    private boolean exists(String source) {
        if (!source.contains("*")) {
            return Files.exists(project.resolve(source));
        }
        Path pattern = project.resolve(source);
        Path directory = pattern.getParent();
        if (directory == null || !Files.isDirectory(directory)) {
            return false;
        }
        try (var files = Files.newDirectoryStream(directory)) {
            var matcher = FileSystems.getDefault().getPathMatcher("glob:" + pattern);
            for (Path file : files) {
                if (matcher.matches(file)) {
                    return true;
                }
            }
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        return false;
    }

    private void checkRun(Instruction instruction) {
        String text = instruction.text();
        if (Pattern.compile("\\bsudo\\b").matcher(text).find()) {
            report(instruction, "sudo is not needed while an image is built");
        }
        if (Pattern.compile("(curl|wget)[^|;&]*\\|\\s*(ba|z)?sh").matcher(text).find()) {
            report(instruction, "runs what it downloads without looking at it");
        }
        if (Pattern.compile("\\bmvnw?\\b[^&;|]*\\bpackage\\b(?![^&;|]*-Dmaven\\.test\\.skip\\b)")
            .matcher(text)
            .find()) {
            report(instruction, "compiles tests that it does not run, with more open files than Buildah allows a build:"
                    + " -Dmaven.test.skip");
        }
        if (Pattern.compile("\\b(apt-get|dnf|microdnf|apk|yum)\\b.*\\b(upgrade|update)\\b(?!.*install)")
            .matcher(text)
            .find()) {
            report(instruction, "upgrades make an image that nobody can build again: take a newer base");
        }
    }

    private void checkLast(List<Instruction> stage) {
        Map<String, Instruction> found = new HashMap<>();
        StringBuilder labels = new StringBuilder();
        for (Instruction instruction : stage) {
            found.put(instruction.name(), instruction);
            if (instruction.name().equals("LABEL")) {
                labels.append(instruction.text()).append(' ');
            }
        }
        Instruction user = found.get("USER");
        if (user == null) {
            mistakes.add("the last stage has no USER, so that root runs it");
        } else if (!user.text().matches("[1-9][0-9]{3,}(:[0-9]+)?")) {
            report(user,
                    "'" + user.text() + "' is no number of an ordinary user, which Kubernetes cannot tell from root");
        }
        for (String needed : List.of("HEALTHCHECK", "EXPOSE", "ENTRYPOINT", "WORKDIR")) {
            if (!found.containsKey(needed)) {
                mistakes.add("the last stage has no " + needed);
            }
        }
        for (String form : List.of("ENTRYPOINT", "CMD")) {
            Instruction instruction = found.get(form);
            if (instruction != null && !instruction.text().startsWith("[")) {
                report(instruction, "a shell would be process 1 and hear the signals: write it as [\"...\"]");
            }
        }
        for (String label : LABELS) {
            if (!labels.toString().contains("org.opencontainers.image." + label + "=")) {
                mistakes.add("the last stage has no label org.opencontainers.image." + label);
            }
        }
    }

    private void report(Instruction instruction, String mistake) {
        mistakes.add("line " + instruction.line() + ", " + instruction.name() + ": " + mistake);
    }
}
