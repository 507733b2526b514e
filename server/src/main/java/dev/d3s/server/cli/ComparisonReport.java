package dev.d3s.server.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/**
 * The files of a comparison: the page and three tables beside it. Written anew after every run, each file in one move, so that what a run has shown is kept whatever
 * happens to the next.
 *
 * @param page where the page goes; ends in {@code .html}
 */
record ComparisonReport(Path page) {
    void write(Comparison comparison, String date) throws IOException {
        replace(page, ComparisonPage.of(comparison, date, name()));
        replace(beside(".csv"), ComparisonCsv.presets(comparison));
        replace(beside("-runs.csv"), ComparisonCsv.runs(comparison));
        replace(beside("-steps.csv"), ComparisonCsv.steps(comparison));
    }

    List<Path> files() {
        return List.of(page, beside(".csv"), beside("-runs.csv"), beside("-steps.csv"));
    }

    private Path beside(String ending) {
        return page.resolveSibling(name() + ending);
    }

    /** The page's name without its ending. */
    private String name() {
        String file = page.getFileName().toString();
        return file.substring(0, file.length() - ".html".length());
    }

    private static void replace(Path file, String content) throws IOException {
        Path unfinished = file.resolveSibling("." + file.getFileName() + ".part");
        try {
            Files.write(unfinished, content.getBytes(StandardCharsets.UTF_8));
            Files.move(unfinished, file, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }
}
