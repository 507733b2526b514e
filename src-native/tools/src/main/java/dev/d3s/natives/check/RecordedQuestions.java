package dev.d3s.natives.check;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What {@code ./d3s native-check --record} keeps of what its processes wrote down: questions of classes that the packaged
 * server has. Left out are those of tests and their libraries, of what runs while Quarkus builds, and of Quarkus itself with
 * what it generates, whose extensions answer for both.
 */
public final class RecordedQuestions {
    private static final Pattern QUARKUS = Pattern
        .compile("(io\\.quarkus|io\\.smallrye|org\\.jboss)\\..*|.*_(Bean|Observer_|ClientProxy|Subclass).*");
    /** Of lambdas and proxies, whose names are others each time. */
    private static final Pattern PASSING = Pattern.compile(".*(\\$\\$Lambda|\\$Proxy\\d|/0x[0-9a-f]+).*");

    private RecordedQuestions() {}

    static SortedSet<String> of(Path application, Path recordings) throws IOException {
        SortedSet<String> questions = new TreeSet<>();
        List<Path> files;
        try (Stream<Path> all = Files.list(recordings)) {
            files = all.filter(file -> file.getFileName().toString().startsWith("recording-")).toList();
        }
        try (ClassPath path = ClassPath.of(application)) {
            for (Path file : files) {
                for (String line : Files.readAllLines(file)) {
                    String[] parts = line.split("\t", -1);
                    if (parts.length > 2 && isOfTheServer(path, parts[1]) && !PASSING.matcher(line).matches()
                            && areKnown(path, parts)) {
                        questions.add(line);
                    }
                }
            }
        }
        return questions;
    }

    private static boolean isOfTheServer(ClassPath path, String caller) {
        return !QUARKUS.matcher(caller).matches() && path.has(caller.replace('.', '/'));
    }

    /** A class of a test's counts for nothing; one that nobody has stays, since asking for it is harmless only by its metadata. */
    private static boolean areKnown(ClassPath path, String[] parts) {
        String element = parts[2].replace("[]", "");
        return parts[0].equals("resource") || !element.startsWith("dev.d3s.") || path.has(element.replace('.', '/'));
    }

    /** {@code RecordedQuestions APPLICATION RECORDINGS}: prints the list. */
    public static void main(String... arguments) throws IOException {
        List<String> list = new ArrayList<>();
        list.add(
                "# What was asked for by name during ./d3s doctor, ./d3s demo and the tests: ./d3s native-check --record writes this"
                        + " anew.");
        list.addAll(of(Path.of(arguments[0]), Path.of(arguments[1])));
        PrintStream out = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true,
                StandardCharsets.UTF_8);
        list.forEach(out::println);
    }
}
