package dev.d3s.server.wiring;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import dev.d3s.natives.NativeLibraries;
import dev.d3s.server.bench.Bench;
import dev.d3s.server.bench.LoadTest;
import dev.d3s.server.bench.StartBenchmark;
import dev.d3s.server.cli.CompareOptions;
import dev.d3s.server.cli.DemoOptions;
import dev.d3s.server.config.Configuration;
import dev.d3s.server.config.DatabaseAddress;
import dev.d3s.server.config.LogFormat;
import dev.d3s.server.doctor.Doctor;
import dev.d3s.server.store.SqliteLibrary;
import dev.d3s.spi.OutgoingRequests;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;
import io.quarkus.runtime.util.ExceptionUtil;

/**
 * The program: {@code serve} (the default), {@code keys}, {@code demo}, {@code compare}, {@code doctor} or {@code bench}, as
 * {@code ./d3s} calls it. The demo
 * and the comparison are clients of a server in the same process, so that ending the process ends both.
 */
@QuarkusMain
public final class Main {
    private static final int PORT = 8080;

    private Main() {}

    public static void main(String... arguments) throws IOException {
        OutgoingRequests.permitHostHeader();
        String command = arguments.length == 0 ? "serve" : arguments[0];
        String[] options = arguments.length == 0 ? arguments : Arrays.copyOfRange(arguments, 1, arguments.length);
        try {
            switch (command) {
                case "serve" -> {
                    Configuration configuration = Configuration.read();
                    check(configuration);
                    checkLibraries();
                    if (configuration.config().log().format() == LogFormat.JSON) {
                        System.setProperty("quarkus.log.console.json.enabled", "true");
                    }
                    traces(System.getenv());
                    if (configuration.other(DatabaseAddress.URL).isEmpty()) {
                        SqliteLibrary.prepare(NativeLibraries.userCache());
                    }
                    Quarkus.run(options);
                }
                case "demo" -> {
                    if (!helped(DemoOptions.USAGE, options)) {
                        DemoOptions.parse(options);
                        embed(arguments);
                    }
                }
                case "compare" -> {
                    if (!helped(CompareOptions.USAGE, options)) {
                        CompareOptions.parse(options);
                        embed(arguments);
                    }
                }
                case "doctor" -> {
                    if (!helped(Doctor.USAGE, options)) {
                        System.exit(Doctor.parse(console(), NativeLibraries.userCache(), options).run());
                    }
                }
                case "bench" -> {
                    if (List.of(options).contains("--load")) {
                        load(arguments, LoadTest.Options.parse(options));
                    } else if (List.of(options).contains("--start")) {
                        start(options);
                    } else {
                        Bench.parse(console(), OnnxTorchEngines::new, options).run();
                    }
                }
                case "keys" -> {
                    if (!helped(KeysCommand.USAGE, options)) {
                        System.exit(KeysCommand.run(console(), options));
                    }
                }
                default -> {
                    console()
                        .println("Unknown command '" + command + "': serve, keys, demo, compare, doctor or bench.");
                    System.exit(2);
                }
            }
        } catch (IllegalArgumentException e) {
            console().println(e.getMessage());
            System.exit(2);
        }
    }

    /** Says everything that is wrong with the configuration; reading it while the server starts ends at the first mistake. */
    private static void check(Configuration configuration) {
        configuration.warnings().forEach(warning -> console().println("Warning: " + warning));
        if (!configuration.mistakes().isEmpty()) {
            throw new IllegalArgumentException("The configuration has mistakes, so the server does not start:\n- "
                    + String.join("\n- ", configuration.mistakes()));
        }
    }

    /** Without its engines a server could store jobs and run none. */
    private static void checkLibraries() {
        try {
            NativeLibraries.check(NativeLibraries.userCache());
        } catch (IllegalStateException | UncheckedIOException e) {
            throw new IllegalArgumentException("The server does not start: " + e.getMessage(), e);
        }
    }

    /** Traces are on where one of OpenTelemetry's variables says where to, unless another says that they are off. */
    private static void traces(Map<String, String> environment) {
        if (environment.getOrDefault("OTEL_SDK_DISABLED", "").isBlank()
                && !environment.getOrDefault("OTEL_TRACES_EXPORTER", "otlp").equals("none")
                && (environment.containsKey("OTEL_EXPORTER_OTLP_ENDPOINT")
                        || environment.containsKey("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))) {
            System.setProperty("OTEL_SDK_DISABLED", "false");
        }
        for (String variable : List.of("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")) {
            if (environment.containsKey(variable)) {
                System.setProperty(variable, TraceHeaders.decoded(environment.getOrDefault(variable, "")));
            }
        }
    }

    private static void load(String[] arguments, LoadTest.Options options) throws IOException {
        if (options.target().equals(LoadTest.Options.SELF)) {
            embed(arguments);
            return;
        }
        try {
            System.exit(options.of(URI.create(options.target()), console()).run());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void start(String... options) throws IOException {
        try {
            System.exit(StartBenchmark.parse(console(), options).run());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean helped(String usage, String... options) {
        boolean asked = List.of(options).contains("--help");
        if (asked) {
            console().println(usage);
        }
        return asked;
    }

    /** A server of its own for a client: in a new directory that goes with the process, on a port that is free. */
    private static void embed(String... arguments) throws IOException {
        Path home = Files.createTempDirectory("d3s-" + arguments[0] + "-home-");
        System.setProperty("d3s.home", home.toString());
        System.setProperty(TemporaryHome.PROPERTY, "true");
        System.setProperty("quarkus.http.port", String.valueOf(free(PORT) ? PORT : 0));
        System.setProperty("quarkus.log.level", "WARN");
        // nobody else can reach it, and nobody has a key of it
        System.setProperty("quarkus.http.host", "127.0.0.1");
        System.setProperty("quarkus.oidc.tenant-enabled", "false");
        try {
            check(Configuration.read());
        } catch (IllegalArgumentException e) {
            TemporaryHome.delete(home);
            throw e;
        }
        SqliteLibrary.prepare(NativeLibraries.userCache());
        Quarkus.run(EmbeddedServer.class, (code, failure) -> {
            if (failure != null) {
                Throwable cause = ExceptionUtil.getRootCause(failure);
                console().println(cause.getMessage() == null ? cause.toString() : cause.getMessage());
                TemporaryHome.delete(home); // a server that did not start does not stop either
            }
            System.exit(code);
        }, arguments);
    }

    private static boolean free(int port) {
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.isBound();
        } catch (IOException e) {
            return false;
        }
    }

    static PrintStream console() {
        return new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    }
}
