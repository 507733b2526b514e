package dev.d3s.natives;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.stream.Stream;

/**
 * A directory that {@code ./d3s natives} made: {@code natives.properties} says what is in it, {@code SHA256SUMS} names its
 * files, and each library's files lie in a directory of their own, because libtorch loads everything that it finds in its.
 *
 * @param directory the whole
 * @param target the machine that the libraries are for, {@code linux-x86_64}
 * @param flavor {@code cpu} or {@code cu128}
 * @param version of libtorch
 */
record CollectedLibraries(Path directory, String target, String flavor, String version) {
    static final String PROPERTIES = "natives.properties";
    static final String CHECKSUMS = "SHA256SUMS";

    /**
     * Reads what is there. The files' contents are not read: {@code ./d3s natives --verify} does that.
     *
     * @param platform of this machine
     * @throws IllegalStateException naming every file that is missing, and the command that gets it
     */
    static CollectedLibraries open(Path directory, String platform) {
        if (!Files.isRegularFile(directory.resolve(PROPERTIES)) || !Files.isRegularFile(directory.resolve(CHECKSUMS))) {
            throw new IllegalStateException("There is no " + PROPERTIES + " with its " + CHECKSUMS + " in " + directory
                    + ": run " + command(platform, "cpu", directory));
        }
        Properties properties = new Properties();
        List<String> missing;
        try (Reader reader = Files.newBufferedReader(directory.resolve(PROPERTIES));
                Stream<String> lines = Files.lines(directory.resolve(CHECKSUMS))) {
            properties.load(reader);
            missing = lines.map(line -> line.substring(line.lastIndexOf(' ') + 1))
                .filter(file -> !file.isBlank() && !Files.isRegularFile(directory.resolve(file)))
                .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("The native libraries in " + directory + " cannot be read", e);
        }
        CollectedLibraries collected = new CollectedLibraries(directory, properties.getProperty("target", "unknown"),
                properties.getProperty("flavor", "unknown"), properties.getProperty("libtorch", "unknown"));
        if (!collected.target.equals(platform)) {
            throw new IllegalStateException("The native libraries in " + directory + " are for " + collected.target
                    + ", and this machine is " + platform + ": run " + command(platform, "cpu", directory));
        }
        if (!missing.isEmpty()) {
            throw new IllegalStateException("Of the native libraries in " + directory + ", "
                    + String.join(", ", missing) + (missing.size() == 1 ? " is" : " are") + " missing: run "
                    + command(platform, collected.flavor, directory));
        }
        return collected;
    }

    static String command(String platform, String flavor, Path directory) {
        return "./d3s natives --target " + platform + " --flavor " + flavor + " --output " + directory;
    }

    Path libtorch() {
        return directory.resolve("torch");
    }

    Path onnxRuntime() {
        return directory.resolve("onnxruntime");
    }

    Path tokenizers() {
        return directory.resolve("tokenizers").resolve(System.mapLibraryName("tokenizers"));
    }
}
