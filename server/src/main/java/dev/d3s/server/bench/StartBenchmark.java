package dev.d3s.server.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

import dev.d3s.server.store.DurableFiles;

/**
 * {@code ./d3s bench --start}: servers that are started again and again, in turns, each on a home and a database that are there
 * already. Prints how long each takes to its first answer (200 of {@code /q/health/live}, asked for every millisecond), and what
 * memory is resident then and later, when nobody has asked for anything. Memory is read on Linux only.
 */
public final class StartBenchmark {
    private static final String USAGE = "Usage: ./d3s bench --start self|COMMAND [--against self|COMMAND] [--runs N] "
            + "[--rest SECONDS]";
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final byte[] QUESTION = "GET /q/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        .getBytes(StandardCharsets.US_ASCII);
    private static final byte[] ANSWER = "HTTP/1.1 200".getBytes(StandardCharsets.US_ASCII);

    private final List<List<String>> commands;
    private final int runs;
    private final Duration rest;
    private final PrintStream out;

    /**
     * One start.
     *
     * @param milliseconds to the first answer
     * @param resident bytes at the first answer; 0 where that is not known
     * @param resting bytes after a rest; 0 where there was none, or that is not known
     */
    private record Start(double milliseconds, long resident, long resting) {}

    private StartBenchmark(List<List<String>> commands, int runs, Duration rest, PrintStream out) {
        this.commands = commands;
        this.runs = runs;
        this.rest = rest;
        this.out = out;
    }

    /**
     * Reads the arguments after {@code bench}.
     *
     * @throws IllegalArgumentException with one sentence about what makes no sense
     */
    public static StartBenchmark parse(PrintStream out, String... arguments) {
        Map<String, String> given = new LinkedHashMap<>();
        for (int index = 0; index + 1 < arguments.length; index += 2) {
            given.put(arguments[index], arguments[index + 1]);
        }
        if (arguments.length % 2 != 0 || given.size() * 2 != arguments.length || !given.containsKey("--start")
                || !Set.of("--start", "--against", "--runs", "--rest").containsAll(given.keySet())) {
            throw new IllegalArgumentException(USAGE);
        }
        List<List<String>> commands = Stream.of("--start", "--against")
            .map(given::get)
            .filter(command -> command != null)
            .map(StartBenchmark::command)
            .toList();
        return new StartBenchmark(commands, number(given, "--runs", 20),
                Duration.ofSeconds(number(given, "--rest", 5)),
                out);
    }

    private static int number(Map<String, String> given, String option, int otherwise) {
        String text = given.getOrDefault(option, String.valueOf(otherwise));
        if (!text.matches("[1-9][0-9]{0,3}")) {
            throw new IllegalArgumentException(option + " is '" + text + "' but must be a number from 1 to 9999.");
        }
        return Integer.parseInt(text);
    }

    /** A command that begins a server: words separated by blanks, or how this process was begun. */
    private static List<String> command(String text) {
        if (!text.equals("self")) {
            return List.of(text.strip().split("\\s+"));
        }
        ProcessHandle.Info self = ProcessHandle.current().info();
        List<String> words = new ArrayList<>(List.of(self.command().orElseThrow()));
        List<String> arguments = List.of(self.arguments()
            .orElseThrow(() -> new IllegalArgumentException(
                    "This system does not say how this process was begun: name a command instead of self.")));
        int bench = arguments.indexOf("bench");
        words.addAll(bench < 0 ? List.of() : arguments.subList(0, bench));
        words.add("serve");
        return words;
    }

    /** @return 0 when every start had an answer */
    public int run() throws IOException, InterruptedException {
        List<List<Start>> starts = new ArrayList<>();
        List<Path> directories = new ArrayList<>();
        try {
            for (List<String> command : commands) {
                directories.add(Files.createTempDirectory("d3s-start-"));
                starts.add(new ArrayList<>());
                start(command, directories.getLast(), Duration.ZERO); // makes the home, and counts for nothing
            }
            for (int run = 0; run < runs; run++) {
                for (int which = 0; which < commands.size(); which++) {
                    starts.get(which)
                        .add(start(commands.get(which), directories.get(which), run + 1 < runs ? Duration.ZERO : rest));
                }
            }
        } catch (StartFailure e) {
            out.println(e.getMessage());
            return 1;
        } finally {
            for (Path directory : directories) {
                DurableFiles.deleteTree(directory);
            }
        }
        out.printf(Locale.ROOT, "%-34s %9s %9s %9s %12s %12s%n", "first answer, ms (starts: " + runs + ")", "median",
                "least", "most", "MB resident", "after " + rest.toSeconds() + " s");
        for (int which = 0; which < commands.size(); which++) {
            List<Start> some = starts.get(which);
            out.printf(Locale.ROOT, "%-34s %9.0f %9.0f %9.0f %12s %12s%n", name(commands.get(which)),
                    median(some, Start::milliseconds),
                    some.stream().mapToDouble(Start::milliseconds).min().orElseThrow(),
                    some.stream().mapToDouble(Start::milliseconds).max().orElseThrow(),
                    megabytes((long) median(some, Start::resident)), megabytes(some.getLast().resting()));
        }
        if (commands.size() == 2) {
            out.printf(Locale.ROOT, "%nTime to the first answer, the first over the second: %.2f%n",
                    median(starts.getFirst(), Start::milliseconds) / median(starts.getLast(), Start::milliseconds));
        }
        return 0;
    }

    /** Of no use to go on after. */
    private static final class StartFailure extends Exception {
        private static final long serialVersionUID = 1L;

        StartFailure(String message) {
            super(message);
        }
    }

    private static Start start(List<String> command, Path directory, Duration after)
            throws IOException, InterruptedException, StartFailure {
        int port = freePort();
        Path log = directory.resolve("log");
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        builder.environment().put("D3S_HOME", directory.resolve("home").toString());
        builder.environment().put("QUARKUS_HTTP_HOST", "127.0.0.1");
        builder.environment().put("QUARKUS_HTTP_PORT", String.valueOf(port));
        long begin = System.nanoTime();
        Process process = begun(builder);
        try {
            while (!answers(port)) {
                if (!process.isAlive()) {
                    throw new StartFailure("'" + String.join(" ", command) + "' ended with " + process.exitValue()
                            + " before its first answer:\n" + Files.readString(log).strip());
                }
                if (System.nanoTime() - begin > PATIENCE.toNanos()) {
                    throw new StartFailure("'" + String.join(" ", command) + "' gave no answer within "
                            + PATIENCE.toSeconds() + " s.");
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
            }
            double milliseconds = (System.nanoTime() - begin) / 1e6;
            long resident = resident(process);
            Thread.sleep(after);
            return new Start(milliseconds, resident, after.isPositive() ? resident(process) : 0);
        } finally {
            process.destroy();
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        }
    }

    private static Process begun(ProcessBuilder builder) throws StartFailure {
        try {
            return builder.start();
        } catch (IOException e) {
            throw new StartFailure("'" + String.join(" ", builder.command()) + "' cannot be run: " + e.getMessage());
        }
    }

    private static long resident(Process process) {
        return ProcessStatus.bytes(String.valueOf(process.pid()), "VmRSS").orElse(0);
    }

    private static boolean answers(int port) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
            socket.setSoTimeout(1000);
            OutputStream question = socket.getOutputStream();
            question.write(QUESTION);
            InputStream answer = socket.getInputStream();
            return Arrays.equals(answer.readNBytes(ANSWER.length), ANSWER);
        } catch (IOException notYet) {
            return false;
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static double median(List<Start> starts, ToDoubleFunction<Start> of) {
        double[] sorted = starts.stream().mapToDouble(of).sorted().toArray();
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

    private static String megabytes(long bytes) {
        return bytes == 0 ? "-" : String.format(Locale.ROOT, "%.1f", bytes / 1e6);
    }

    /** The end of a command, which says more than its beginning. */
    private static String name(List<String> command) {
        String whole = String.join(" ", command);
        return whole.length() <= 34 ? whole : "..." + whole.substring(whole.length() - 31);
    }
}
