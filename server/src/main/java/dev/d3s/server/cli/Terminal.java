package dev.d3s.server.cli;

import java.io.Console;
import java.io.PrintStream;

/**
 * Where a command's words go.
 *
 * @param live whether a line may be drawn anew
 * @param width of a line in characters
 */
record Terminal(PrintStream out, boolean live, int width) {
    private static final int DEFAULT_WIDTH = 80;

    /** What this process writes to; the launcher says how wide it is. */
    @SuppressWarnings("SystemConsoleNull") // it is null again from JDK 25 on when there is no terminal
    static Terminal of(PrintStream out) {
        Console console = System.console();
        return new Terminal(out, console != null && console.isTerminal(), columns());
    }

    private static int columns() {
        String columns = System.getenv("COLUMNS");
        try {
            return columns == null ? DEFAULT_WIDTH : Math.max(20, Integer.parseInt(columns));
        } catch (NumberFormatException unusual) {
            return DEFAULT_WIDTH;
        }
    }
}
