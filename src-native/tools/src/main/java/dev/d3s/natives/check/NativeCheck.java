package dev.d3s.natives.check;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;

/**
 * Holds a packaged application to the metadata that its jars bring for the builder of native executables, without a builder.
 * What each part looks at, and what it cannot see, is in its own class; {@code src-native/README.md} has all of it in one
 * place.
 */
public final class NativeCheck {
    private static final String REVIEWED = "reviewed.txt";
    private static final String RECORDED = "recorded.txt";
    private static final String ARGUMENTS = "quarkus.native.additional-build-args";

    private NativeCheck() {}

    /**
     * Checks a directory of jars.
     *
     * @param application {@code quarkus-app}, or the {@code native-sources} that Quarkus writes, which have the metadata of its
     *            extensions as well
     * @return what is missing, sorted; empty when a native executable would know everything that was looked at
     */
    public static List<String> findings(Path application) throws IOException {
        return check(application, bundled(REVIEWED), bundled(RECORDED).lines().toList()).stream()
            .map(Finding::toString)
            .toList();
    }

    static List<Finding> check(Path application, String review, List<String> recording) throws IOException {
        Reviewed reviewed = Reviewed.parse(review);
        try (ClassPath path = ClassPath.of(application)) {
            Path written = application.resolve("native-image.args");
            BuildArguments arguments;
            boolean complete = Files.exists(written);
            if (complete) {
                arguments = new BuildArguments(List.of(Files.readString(written).split("\\s+")));
                reviewed.complete();
            } else {
                arguments = configured(path);
            }
            Metadata metadata = Metadata.of(path, arguments);
            List<ClassPath.Jar> jars = path.jars()
                .stream()
                .filter(jar -> reviewed.has("answerable", jar.name()))
                .toList();
            TreeSet<Finding> findings = new TreeSet<>(ServiceCheck.check(path, metadata, reviewed));
            JniCheck jni = new JniCheck(path, metadata, jars);
            for (ClassPath.Jar jar : jars) {
                for (String entry : jar.resources()) {
                    if (isLibrary(entry) && !reviewed.has("library", entry)) {
                        jni.check(entry.substring(entry.lastIndexOf('/') + 1), jar.read(entry))
                            .stream()
                            .filter(finding -> !reviewed.has("jni", finding.subject()))
                            .forEach(findings::add);
                    }
                }
            }
            findings.addAll(ResourceCheck.check(path, metadata, jars, reviewed));
            findings.addAll(LinkCheck.check(path, jars, reviewed));
            findings.addAll(CallCheck.check(path, jars, reviewed));
            findings.addAll(ForeignCheck.check(path, metadata, jars, reviewed));
            findings.addAll(ForeignCheck.checkArenas(path, arguments, metadata.properties(), jars));
            findings.addAll(SubstitutionCheck.check(path, jars));
            findings.addAll(new StartCheck(path, arguments, metadata.properties()).check(jars, reviewed));
            findings.addAll(new RecordedCheck(path, metadata, reviewed, jars, complete).check(recording));
            findings.addAll(reviewed.unused());
            return new ArrayList<>(findings);
        }
    }

    /** For the platform that executables are built on first; libraries of others have the same strings. */
    static boolean isLibrary(String entry) {
        return entry.endsWith(".so") && (entry.contains("linux-x86_64/") || entry.contains("linux-x64/")
                || entry.contains("Linux/x86_64/") || entry.contains("linux/amd64/"));
    }

    private static BuildArguments configured(ClassPath path) throws IOException {
        for (ClassPath.Jar jar : path.jars()) {
            if (ResourceCheck.isOurs(jar) && jar.resources().contains("application.properties")) {
                Properties properties = new Properties();
                properties
                    .load(new StringReader(new String(jar.read("application.properties"), StandardCharsets.UTF_8)));
                return BuildArguments.ofProperty(properties.getProperty(ARGUMENTS, ""));
            }
        }
        return new BuildArguments(List.of());
    }

    private static String bundled(String name) {
        try (InputStream in = NativeCheck.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException(name + " is missing");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** {@code NativeCheck DIRECTORY}; ends with status 1 where something is missing. */
    public static void main(String... arguments) throws IOException {
        PrintStream out = System.out;
        if (arguments.length != 1) {
            out.println("usage: ./d3s native-check [DIRECTORY]");
            System.exit(2);
        }
        List<String> findings = findings(Path.of(arguments[0]));
        findings.forEach(out::println);
        out.println(findings.isEmpty()
                ? "Everything that was looked at is known to a native executable."
                : findings.size() + " findings.");
        System.exit(findings.isEmpty() ? 0 : 1);
    }
}
