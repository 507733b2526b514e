package dev.d3s.natives.check;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import java.util.zip.ZipFile;

import org.jspecify.annotations.Nullable;

/**
 * The jars of a packaged application, as the builder of a native executable sees them, and behind them the JDK. Classes have
 * their internal names, {@code java/lang/String}. Of a multi-release jar the version for this JDK counts. For one thread;
 * whoever opens it closes it.
 */
final class ClassPath implements AutoCloseable {
    private static final String CLASS = ".class";

    /**
     * One of the jars.
     *
     * @param name its file name
     * @param entries by their names without a version
     */
    record Jar(String name, JarFile file, SequencedMap<String, JarEntry> entries) {
        byte[] read(String entry) {
            JarEntry found = entries.get(entry);
            if (found == null) {
                throw new IllegalArgumentException(name + " has no " + entry);
            }
            try (InputStream in = file.getInputStream(found)) {
                return in.readAllBytes();
            } catch (IOException e) {
                throw new UncheckedIOException(name + " cannot be read", e);
            }
        }

        /** Internal names of its classes, sorted. */
        List<String> classes() {
            return entries.keySet()
                .stream()
                .filter(entry -> entry.endsWith(CLASS) && !entry.endsWith("module-info.class")
                        && !entry.endsWith("package-info.class") && !entry.startsWith("META-INF/"))
                .map(entry -> entry.substring(0, entry.length() - CLASS.length()))
                .toList();
        }

        /** What is in it besides classes and directories. */
        List<String> resources() {
            return entries.keySet().stream().filter(entry -> !entry.endsWith(CLASS)).toList();
        }
    }

    private final List<Jar> jars;
    private final Map<String, Jar> owners = new HashMap<>();
    private final Map<String, Optional<ClassModel>> models = new HashMap<>();

    private ClassPath(List<Jar> jars) {
        this.jars = List.copyOf(jars);
        for (Jar jar : jars) {
            jar.classes().forEach(name -> owners.putIfAbsent(name, jar));
        }
    }

    /** Of every jar below a directory: {@code quarkus-app}, or the {@code native-sources} that Quarkus writes. */
    static ClassPath of(Path application) throws IOException {
        List<Path> files;
        try (Stream<Path> walk = Files.walk(application, 3)) {
            files = walk.filter(file -> file.toString().endsWith(".jar")).sorted().toList();
        }
        if (files.isEmpty()) {
            throw new FileNotFoundException("There are no jars in " + application + ": build the server first");
        }
        List<Jar> jars = new ArrayList<>();
        try {
            for (Path file : files) {
                JarFile jar = new JarFile(file.toFile(), false, ZipFile.OPEN_READ, Runtime.version());
                TreeMap<String, JarEntry> entries = new TreeMap<>();
                jars.add(new Jar(file.getFileName().toString(), jar, entries));
                jar.versionedStream().filter(entry -> !entry.isDirectory()).forEach(entry -> {
                    entries.put(entry.getName(), entry);
                });
            }
        } catch (IOException e) {
            for (Jar jar : jars) {
                jar.file().close();
            }
            throw e;
        }
        return new ClassPath(jars);
    }

    List<Jar> jars() {
        return jars;
    }

    /**
     * Classes of a jar that somebody wrote. Quarkus puts classes that it generates, and those of others that it changes, into
     * the same jar as ours; what it generates has no source file.
     */
    List<ClassModel> written(Jar jar) {
        boolean ours = ResourceCheck.isOurs(jar);
        List<ClassModel> written = new ArrayList<>();
        for (String name : jar.classes()) {
            ClassModel model = !ours || name.startsWith("dev/d3s/") ? find(name) : null;
            if (model != null && (!ours || model.findAttribute(Attributes.sourceFile()).isPresent())) {
                written.add(model);
            }
        }
        return written;
    }

    /** Whether a class is in a jar or in the JDK. */
    boolean has(String name) {
        return owners.containsKey(name) || (isJdk(name) && ClassLoader.getSystemResource(name + CLASS) != null);
    }

    /** A class of a jar or of the JDK, or {@code null}. */
    @Nullable
    ClassModel find(String name) {
        return models.computeIfAbsent(name, missing -> Optional.ofNullable(load(missing))).orElse(null);
    }

    private @Nullable ClassModel load(String name) {
        Jar owner = owners.get(name);
        if (owner != null) {
            return ClassFile.of().parse(owner.read(name + CLASS));
        }
        try (InputStream in = isJdk(name) ? ClassLoader.getSystemResourceAsStream(name + CLASS) : null) {
            return in == null ? null : ClassFile.of().parse(in.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The check's own class path is none of the application's business. */
    private static boolean isJdk(String name) {
        return name.startsWith("java/") || name.startsWith("javax/") || name.startsWith("jdk/")
                || name.startsWith("sun/");
    }

    /** Whether a class is a Throwable. */
    boolean isThrowable(String name) {
        String next = name;
        while (next != null) {
            if (next.equals("java/lang/Throwable")) {
                return true;
            }
            ClassModel model = find(next);
            next = model == null ? null : model.superclass().map(entry -> entry.asInternalName()).orElse(null);
        }
        return false;
    }

    @Override
    public void close() throws IOException {
        for (Jar jar : jars) {
            jar.file().close();
        }
    }
}
