package dev.d3s.natives;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A TorchScript program of this module: text in {@code src/main/torchscript} with the constants of one model put in where
 * it says <code>${name}</code>. Constants in the text let libtorch see them as such, and spare every call an argument.
 *
 * @param className the module class that the text declares
 * @param text complete TorchScript
 */
public record TorchScriptProgram(String className, String text) {
    private static final Pattern PLACEHOLDER = Pattern.compile("\\$\\{(\\w+)}");
    private static final Pattern CLASS = Pattern.compile("(?m)^class (\\w+)\\(Module\\):");

    /**
     * @param name of the program, e.g. {@code policy} for {@code policy.torchscript}
     * @param constants a TorchScript literal for each placeholder; every one must be used
     */
    public static TorchScriptProgram of(String name, Map<String, String> constants) {
        String resource = "/torchscript/" + name + ".torchscript";
        String template = read(resource);
        Matcher declaration = CLASS.matcher(template);
        if (!declaration.find()) {
            throw new IllegalStateException(resource + " declares no module class");
        }
        return new TorchScriptProgram(declaration.group(1), substitute(resource, template, constants));
    }

    /** The bytes that libtorch loads. */
    public byte[] archive() {
        return TorchScriptArchive.of(className, text);
    }

    static String substitute(String resource, String template, Map<String, String> constants) {
        Set<String> unused = new HashSet<>(constants.keySet());
        String text = PLACEHOLDER.matcher(template).replaceAll(match -> {
            String value = constants.get(match.group(1));
            if (value == null) {
                throw new IllegalArgumentException(resource + " needs a value for " + match.group());
            }
            unused.remove(match.group(1));
            return Matcher.quoteReplacement(value);
        });
        if (!unused.isEmpty()) {
            throw new IllegalArgumentException(resource + " has no place for " + unused);
        }
        return text;
    }

    private static String read(String resource) {
        try (InputStream stream = TorchScriptProgram.class.getResourceAsStream(resource)) {
            if (stream == null) {
                throw new IllegalArgumentException("No TorchScript program " + resource + " in d3s-native");
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + resource, e);
        }
    }
}
