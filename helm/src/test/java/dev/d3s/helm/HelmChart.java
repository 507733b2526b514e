package dev.d3s.helm;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

import com.fasterxml.jackson.databind.JsonNode;
import com.marcnuri.helm.DryRun;
import com.marcnuri.helm.Helm;
import com.marcnuri.helm.LintResult;
import com.marcnuri.helm.Release;

/** The chart, as Helm itself sees it: no cluster is asked. What was rendered once is kept, since tests look at it again. */
final class HelmChart {
    static final Path DIRECTORY = Path.of("d3s-server").toAbsolutePath();
    static final String RELEASE = "lab";
    static final String NAMESPACE = "research";
    /** The oldest Kubernetes that the chart is for. */
    private static final String OLDEST = "1.30.0";

    private static final String NO_SECRET = "{{- dict | toYaml -}}";
    private static final Map<String, Manifests> RENDERED = new ConcurrentHashMap<>();

    private HelmChart() {}

    /** Skips the test where helm-java has no library. */
    static void assumeSupported() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String processor = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        boolean intel = processor.equals("amd64") || processor.equals("x86_64");
        boolean arm = processor.equals("aarch64") || processor.equals("arm64");
        boolean supported = system.startsWith("windows")
                ? intel
                : (intel || arm)
                        && (system.startsWith("linux") || system.startsWith("mac"));
        assumeTrue(supported, "Helm's library (helm-java) does not exist for " + system + " on " + processor
                + ": the chart is not tested here.");
    }

    /** What Helm would send to a new cluster, with some values over the chart's own, in YAML; what is only for tests, too. */
    static Manifests render(String values) {
        return RENDERED.computeIfAbsent(values, given -> render(given, NO_SECRET));
    }

    /**
     * What Helm would send to a cluster.
     *
     * @param present a template of the secret of any name that the cluster has
     */
    static Manifests render(String values, String present) {
        return render(RELEASE, values, present);
    }

    /** As a release of another name, on a new cluster. */
    static Manifests renderAs(String release, String values) {
        return render(release, values, NO_SECRET);
    }

    private static Manifests render(String release, String values, String present) {
        return with(values, present, (chart, file) -> Manifests.parse(new Helm(chart).template()
            .withName(release)
            .withNamespace(NAMESPACE)
            .withKubeVersion(OLDEST)
            .withValuesFile(file)
            .call()));
    }

    /** The release's notes, as an installation prints them. */
    static String notes(String values) {
        return with(values, NO_SECRET, (chart, file) -> {
            Release release = new Helm(chart).install()
                .withName(RELEASE)
                .withNamespace(NAMESPACE)
                .withKubeVersion(OLDEST)
                .withValuesFile(file)
                .clientOnly()
                .withDryRunOption(DryRun.CLIENT)
                .call();
            String output = Objects.requireNonNull(release.getOutput());
            return output.substring(output.indexOf("NOTES:"));
        });
    }

    /** Helm's own check, of a copy of the chart in which the values are the defaults: the library takes no others. */
    static LintResult lint(String values) {
        return with(values, NO_SECRET, (chart, file) -> {
            JsonNode merged = read("values.yaml");
            Manifests.YAML.readerForUpdating(merged).readValue(values);
            Files.writeString(chart.resolve("values.yaml"), Manifests.YAML.writeValueAsString(merged));
            return new Helm(chart).lint().strict().call();
        });
    }

    /** A file of the chart, read as YAML, of which JSON is a part. */
    static JsonNode read(String file) {
        try {
            return Manifests.YAML.readTree(Files.readString(DIRECTORY.resolve(file)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private interface Use<T> {
        T of(Path chart, Path values) throws IOException;
    }

    /**
     * Works on a copy. The library would ask whatever cluster the user is connected to for secrets, and leaves out what is only
     * for tests.
     */
    private static <T> T with(String values, String present, Use<T> use) {
        try {
            Path directory = Files.createTempDirectory("chart");
            try {
                Path chart = directory.resolve("d3s-server");
                copy(chart);
                replace(chart.resolve("templates/_helpers.tpl"),
                        "{{- lookup \"v1\" \"Secret\" .root.Release.Namespace .name | toYaml -}}", present);
                replace(chart.resolve("templates/tests/answers.yaml"), "helm.sh/hook: test", "helm.sh/no-hook: test");
                return use.of(chart, Files.writeString(directory.resolve("values.yaml"), values));
            } finally {
                try (Stream<Path> files = Files.walk(directory)) {
                    files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void copy(Path chart) throws IOException {
        try (Stream<Path> files = Files.walk(DIRECTORY)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Path target = chart.resolve(DIRECTORY.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target);
                }
            }
        }
    }

    private static void replace(Path file, String what, String by) throws IOException {
        String text = Files.readString(file);
        if (!text.contains(what)) {
            throw new IllegalStateException(file + " has no " + what);
        }
        Files.writeString(file, text.replace(what, by));
    }
}
