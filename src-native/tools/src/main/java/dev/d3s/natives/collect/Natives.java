package dev.d3s.natives.collect;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

/** The command {@code ./d3s natives}. Artifacts come through Maven, with its repository and the mirrors of its settings. */
public final class Natives {
    static final String USAGE = """
            usage: ./d3s natives --target TARGET [--flavor cpu|cu128] [--output DIRECTORY]
                   ./d3s natives --verify DIRECTORY

              --target   linux-x86_64, linux-aarch64 or osx-aarch64
              --flavor   cpu (the default), or cu128 for NVIDIA GPUs
              --output   a directory of its own; natives when not given

            Collects the libraries of ONNX Runtime, libtorch, DJL and its tokenizers from Maven artifacts, with checksums.
            A server that D3S_NATIVES names the directory to, or a native executable beside it, uses them.""";

    /**
     * What is wanted.
     *
     * @param verify an earlier collection to check instead
     */
    record Options(@Nullable String target, String flavor, Path output, @Nullable Path verify, String maven,
            Path project) {
        static Options parse(String... arguments) {
            String target = null;
            String flavor = "cpu";
            String output = "natives";
            String verify = null;
            String maven = "mvn";
            String project = ".";
            List<String> mistakes = new ArrayList<>();
            for (int i = 0; i < arguments.length; i += 2) {
                String value = i + 1 < arguments.length ? arguments[i + 1] : "";
                if (value.isEmpty()) {
                    mistakes.add(arguments[i] + " needs a value, or is no option");
                }
                switch (arguments[i]) {
                    case "--target" -> target = value;
                    case "--flavor" -> flavor = value;
                    case "--output" -> output = value;
                    case "--verify" -> verify = value;
                    case "--maven" -> maven = value;
                    case "--project" -> project = value;
                    default -> mistakes.add("Unknown option '" + arguments[i] + "'");
                }
            }
            if (target == null && verify == null) {
                mistakes.add("--target is missing");
            }
            if (!mistakes.isEmpty()) {
                throw new IllegalArgumentException(String.join("\n", mistakes) + "\n" + USAGE);
            }
            return new Options(target, flavor, Path.of(output), verify == null ? null : Path.of(verify), maven,
                    Path.of(project));
        }
    }

    private Natives() {}

    public static void main(String... arguments) throws IOException, InterruptedException {
        PrintStream out = System.out;
        if (List.of(arguments).contains("--help")) {
            out.println(USAGE);
            return;
        }
        try {
            System.exit(run(Options.parse(arguments), out));
        } catch (IllegalArgumentException e) {
            out.println(e.getMessage());
            System.exit(2);
        } catch (IOException e) {
            out.println(e.getMessage());
            System.exit(1);
        }
    }

    private static int run(Options options, PrintStream out) throws IOException, InterruptedException {
        if (options.verify() != null) {
            List<String> differences = NativesCollector.verify(options.verify());
            differences.forEach(out::println);
            out.println(differences.isEmpty() ? "Everything is as it was collected." : "Collect them again.");
            return differences.isEmpty() ? 0 : 1;
        }
        Path downloads = Files.createTempDirectory("d3s-natives-");
        try {
            SortedMap<String, Long> sizes = new NativesCollector(String.valueOf(options.target()), options.flavor(),
                    NativesCollector.bundledVersions())
                .collect(artifact -> maven(options, artifact, downloads, out), options.output());
            sizes.forEach((file, size) -> out.printf(Locale.ROOT, "%8.1f MB  %s%n", size / 1e6, file));
            out.println("All of it is in " + options.output()
                    + ": set D3S_NATIVES to it, or put it beside the executable.");
            return 0;
        } finally {
            NativesCollector.delete(downloads);
        }
    }

    private static Path maven(Options options, String artifact, Path downloads, PrintStream out)
            throws IOException, InterruptedException {
        out.println(artifact);
        Path directory = Files.createTempDirectory(downloads, "artifact-");
        Process process = new ProcessBuilder(options.maven(), "-B", "-q", "-ntp", "-N", "-f",
                options.project().resolve("pom.xml").toString(), "dependency:copy", "-Dartifact=" + artifact,
                "-DoutputDirectory=" + directory)
            .redirectErrorStream(true)
            .start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(notBrought(artifact, said));
        }
        try (Stream<Path> files = Files.list(directory)) {
            return files.findFirst().orElseThrow(() -> new IOException("Maven brought no " + artifact));
        }
    }

    /** What of Maven's lines says why, and what to do. */
    static String notBrought(String artifact, String said) {
        String why = said.lines()
            .filter(line -> line.startsWith("[ERROR] ") && line.contains(": "))
            .findFirst()
            .map(line -> line.substring("[ERROR] ".length()).replaceFirst("^Failed to execute goal .*?: ", ""))
            .map(line -> line.replaceFirst(" -> \\[Help 1]$", ""))
            .orElse(said.strip());
        return "Maven could not bring " + artifact + ": " + why
                + "\nName a repository that has it in Maven's settings, or install the jar: mvn install:install-file -Dfile=...";
    }
}
