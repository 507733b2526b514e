package dev.d3s.natives.collect;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Puts the engines' native libraries into one directory, with {@code natives.properties} that says what they are and
 * {@code SHA256SUMS} that {@code sha256sum -c} understands. The directory is complete or not there. For one thread.
 */
final class NativesCollector {
    static final String PROPERTIES = "natives.properties";
    static final String CHECKSUMS = "SHA256SUMS";

    /** Brings artifacts. */
    interface Artifacts {
        /** @return the artifact's file */
        Path fetch(String artifact) throws IOException, InterruptedException;
    }

    private final String target;
    private final String flavor;
    private final Properties versions;

    NativesCollector(String target, String flavor, Properties versions) {
        this.target = target;
        this.flavor = flavor;
        this.versions = versions;
    }

    /**
     * Collects everything.
     *
     * @param output replaced if it is an earlier collection
     * @return files with their sizes in bytes
     * @throws IllegalArgumentException for a target, a flavor or a directory that cannot be
     */
    SortedMap<String, Long> collect(Artifacts artifacts, Path output) throws IOException, InterruptedException {
        List<Part> parts = Part.of(target, flavor, versions);
        if (Files.exists(output) && !Files.exists(output.resolve(PROPERTIES)) && !isEmpty(output)) {
            throw new IllegalArgumentException("--output is " + output
                    + ", which has something else in it: name a new directory");
        }
        Path parent = output.toAbsolutePath().normalize().getParent();
        if (parent == null) {
            throw new IllegalArgumentException("--output is " + output + ": name a new directory");
        }
        Files.createDirectories(parent);
        Path work = Files.createTempDirectory(parent, ".natives-");
        try {
            SortedMap<String, String> checksums = new TreeMap<>();
            SortedMap<String, Long> sizes = new TreeMap<>();
            for (Part part : parts) {
                unpack(part, artifacts.fetch(part.artifact()), work, checksums, sizes);
            }
            Files.writeString(work.resolve(PROPERTIES), properties());
            StringBuilder sums = new StringBuilder();
            checksums.forEach((file, sum) -> sums.append(sum).append("  ").append(file).append('\n'));
            Files.writeString(work.resolve(CHECKSUMS), sums);
            delete(output);
            Files.move(work, output, StandardCopyOption.ATOMIC_MOVE);
            Files.setPosixFilePermissions(output, java.nio.file.attribute.PosixFilePermissions.fromString("rwxr-xr-x"));
            return sizes;
        } finally {
            delete(work);
        }
    }

    private String properties() {
        return "# The engines' native libraries, collected by ./d3s natives; D3S_NATIVES names this directory\n"
                + "target="
                + target + "\nflavor=" + flavor + "\nlibtorch=" + versions.getProperty("libtorch") + "\ndjl="
                + versions.getProperty("djl") + "\nonnxruntime=" + versions.getProperty("onnxruntime") + "\n";
    }

    private static void unpack(Part part, Path jar, Path work, SortedMap<String, String> checksums,
            SortedMap<String, Long> sizes) throws IOException {
        Path directory = Files.createDirectories(work.resolve(part.directory()));
        List<String> missing = new ArrayList<>(part.required());
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            for (ZipEntry entry : zip.stream().sorted(Comparator.comparing(ZipEntry::getName)).toList()) {
                if (entry.isDirectory() || !entry.getName().startsWith(part.inside())) {
                    continue;
                }
                String name = entry.getName().substring(part.inside().length());
                if (name.contains("/")) {
                    continue; // debugging symbols
                }
                boolean packed = name.endsWith(".gz");
                String file = packed ? name.substring(0, name.length() - 3) : name;
                MessageDigest digest = sha256();
                try (InputStream raw = zip.getInputStream(entry);
                        InputStream content = new DigestInputStream(packed ? new GZIPInputStream(raw) : raw, digest)) {
                    sizes.put(part.directory() + "/" + file, Files.copy(content, directory.resolve(file)));
                }
                checksums.put(part.directory() + "/" + file, HexFormat.of().formatHex(digest.digest()));
                missing.remove(file);
            }
        }
        if (!missing.isEmpty()) {
            throw new IOException(part.artifact() + " has no " + String.join(", ", missing) + " in " + part.inside());
        }
    }

    /**
     * Reads a collection again.
     *
     * @return what is missing or differs; empty when all is as it was collected
     */
    static List<String> verify(Path directory) throws IOException {
        List<String> differences = new ArrayList<>();
        for (String line : Files.readAllLines(directory.resolve(CHECKSUMS))) {
            String[] parts = line.split("  ", 2);
            Path file = directory.resolve(parts[1]);
            if (!Files.isRegularFile(file)) {
                differences.add(parts[1] + " is missing");
            } else if (!sum(file).equals(parts[0])) {
                differences.add(parts[1] + " differs from what was collected");
            }
        }
        return differences;
    }

    private static String sum(Path file) throws IOException {
        MessageDigest digest = sha256();
        try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
            byte[] buffer = new byte[1 << 16];
            while (in.read(buffer) >= 0) {
                // the stream updates the digest
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static boolean isEmpty(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return false;
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.findAny().isEmpty();
        }
    }

    static void delete(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return;
        }
        List<Path> files;
        try (Stream<Path> walk = Files.walk(directory)) {
            files = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path file : files) {
            try {
                Files.deleteIfExists(file);
            } catch (DirectoryNotEmptyException e) {
                throw new IOException(directory + " is written to while it is replaced", e);
            }
        }
    }

    static Properties bundledVersions() throws IOException {
        Properties versions = new Properties();
        try (InputStream in = NativesCollector.class.getResourceAsStream("versions.properties")) {
            if (in == null) {
                throw new IllegalStateException("versions.properties is missing");
            }
            versions.load(new java.io.InputStreamReader(in, StandardCharsets.UTF_8));
        }
        return versions;
    }
}
