package dev.d3s.plugins.graders;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;

/** Tables of expected values that the scripts in src/interop made; lines that begin with # say how. */
final class Tables {
    private Tables() {}

    static List<String[]> rows(String name) {
        try (InputStream table = Objects.requireNonNull(Tables.class.getResourceAsStream("/" + name), name)) {
            return new String(table.readAllBytes(), StandardCharsets.UTF_8).lines()
                .filter(line -> !line.startsWith("#"))
                .map(line -> line.split("\t", -1))
                .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
