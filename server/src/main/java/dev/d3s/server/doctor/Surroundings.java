package dev.d3s.server.doctor;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import dev.d3s.server.config.Configuration;
import dev.d3s.server.config.D3sConfig;
import dev.d3s.server.config.DatabaseAddress;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.plugin.GraderModels;
import dev.d3s.server.plugin.PluginProblem;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.spi.D3sException;

/** What the configuration says and points to. */
final class Surroundings {
    private static final int SHOWN = 3;

    private final Configuration configuration;
    private final D3sConfig config;
    private final Map<String, String> environment;

    Surroundings(Configuration configuration, Map<String, String> environment) {
        this.configuration = configuration;
        this.config = configuration.config();
        this.environment = environment;
    }

    List<Finding> configuration() {
        List<Finding> findings = new ArrayList<>();
        for (String mistake : configuration.mistakes()) {
            findings.add(Finding.fail("configuration", mistake,
                    "\"Configuration\" in server/README.md lists all settings."));
        }
        for (String warning : configuration.warnings()) {
            findings.add(Finding.warn("configuration", warning, "Unset it if it was meant for this server."));
        }
        findings.add(Finding.ok("configuration", configuration.given().isEmpty()
                ? "nothing is set; all defaults hold"
                : "set: " + String.join(", ", configuration.given().keySet())));
        return findings;
    }

    // ---------------------------------------------------------------- database

    List<Finding> database() {
        String url = configuration.other(DatabaseAddress.URL);
        Path file = config.home().resolve("d3s.db");
        if (url.isEmpty() && !Files.exists(file)) {
            return List.of(Finding.ok("database", file + " is not there yet; the server makes it"));
        }
        String address = url.isEmpty() ? "jdbc:sqlite:" + file + "?open_mode=1" : url;
        String name = url.isEmpty() ? file.toString() : url.replaceAll("[?].*", "");
        try (Connection connection = DriverManager.getConnection(address,
                configuration.other("d3s.datasource.username"), configuration.other("d3s.datasource.password"));
                Statement statement = connection.createStatement()) {
            return List.of(migrated(name, statement));
        } catch (SQLException e) {
            return List.of(Finding.fail("database", name + " cannot be opened: " + e.getMessage(),
                    url.isEmpty()
                            ? "Look at its permissions; restore " + file + " from a copy if it is damaged."
                            : "See whether PostgreSQL runs, and whether d3s.datasource.url, username and password are right."));
        }
    }

    private static Finding migrated(String name, Statement statement) throws SQLException {
        try (ResultSet row = statement
            .executeQuery("select count(*), coalesce(sum(case when success then 0 else 1 end), 0) "
                    + "from flyway_schema_history where version is not null")) {
            row.next();
            int failed = row.getInt(2);
            return failed > 0
                    ? Finding.fail("database", name + ": " + failed + " migrations failed half-way",
                            "Restore a copy from before the update, or ask for help with the server's log.")
                    : Finding.ok("database", name + " answers, with " + row.getInt(1)
                            + " migrations; the server makes those that are missing when it starts");
        } catch (SQLException e) {
            // SQLite's words, then PostgreSQL's
            if (!String.valueOf(e.getMessage()).matches("(?s).*(no such table|does not exist).*")) {
                throw e;
            }
            return Finding.ok("database", name + " answers and is empty; the server makes its tables");
        }
    }

    // ---------------------------------------------------------------- models and plugins

    List<Finding> models() {
        List<Finding> findings = new ArrayList<>();
        Path models = config.models().directory().orElseGet(() -> config.home().resolve("models"));
        List<String> usable = new ArrayList<>();
        if (Files.isDirectory(models)) {
            try (Stream<Path> directories = Files.list(models)) {
                for (Path directory : directories.filter(Files::isDirectory)
                    .filter(directory -> !directory.getFileName().toString().startsWith("."))
                    .sorted()
                    .toList()) {
                    model(directory, usable, findings);
                }
            } catch (IOException e) {
                findings.add(Finding.fail("models", models + " cannot be read: " + e.getMessage(),
                        "Give the server's user the right to read it."));
            }
        }
        findings.addFirst(usable.isEmpty()
                ? Finding.ok("models", "none in " + models + "; the server puts a small example there")
                : Finding.ok("models", String.join(", ", usable) + " in " + models));
        for (Path allowed : config.models().allowed().orElse(List.of())) {
            if (!Files.isReadable(allowed)) {
                findings.add(Finding.warn("models", allowed + " (d3s.models.allowed) cannot be read",
                        "Make it, or take it off the list."));
            }
        }
        return findings;
    }

    private static void model(Path directory, List<String> usable, List<Finding> findings) {
        String name = directory.getFileName().toString();
        try {
            List<String> problems = ModelDirectory.check(directory);
            if (problems.isEmpty()) {
                usable.add(name);
            } else {
                findings
                    .add(Finding.warn("model " + name, problems.stream().limit(SHOWN).collect(Collectors.joining(" ")),
                            "Jobs and completions refuse it: complete it, or move it away."));
            }
        } catch (IOException | RuntimeException e) {
            findings.add(Finding.warn("model " + name, "cannot be read: " + e.getMessage(),
                    "Give the server's user the right to read it, or move it away."));
        }
    }

    List<Finding> plugins() {
        List<Finding> findings = new ArrayList<>();
        Path directory = config.plugins().directory().filter(Files::isDirectory).orElse(null);
        Duration timeout = config.plugins().timeout().isPositive()
                ? config.plugins().timeout()
                : Duration.ofSeconds(30);
        try (PluginRegistry plugins = PluginRegistry.discover(directory, timeout, GraderModels.none(), Set.of())) {
            findings.add(Finding.ok("plugins", plugins.descriptions().size() + " found"
                    + (directory == null ? "" : ", those in " + directory + " included")));
            for (PluginProblem problem : plugins.problems()) {
                findings.add(Finding.warn("plugins", problem.message(),
                        "See spi/README.md, or remove it from the plugins directory."));
            }
        } catch (D3sException e) {
            findings.add(Finding.fail("plugins", e.text(), "Look at d3s.plugins.directory."));
        }
        return findings;
    }

    // ---------------------------------------------------------------- network

    List<Finding> network() {
        List<Finding> findings = new ArrayList<>();
        String host = configuration.other("quarkus.http.host");
        String port = configuration.other("quarkus.http.port");
        boolean running = serverRuns();
        try {
            InetAddress address = InetAddress.getByName(host.isEmpty() ? "127.0.0.1" : host);
            int number = port.isEmpty() ? 8080 : Integer.parseInt(port);
            findings.add(free(address, number)
                    ? Finding.ok("port", address.getHostAddress() + " port " + number + " is free")
                    : running
                            ? Finding.ok("port",
                                    "a server of this home answers at " + address.getHostAddress() + " port "
                                            + number)
                            : Finding.fail("port", address.getHostAddress() + " port " + number + " is taken",
                                    "End the program that listens there (ss -ltnp), or set QUARKUS_HTTP_PORT."));
        } catch (UnknownHostException | IllegalArgumentException e) {
            findings.add(Finding.fail("port", "'" + host + "' port '" + port + "' is no address of this machine",
                    "Set QUARKUS_HTTP_HOST and QUARKUS_HTTP_PORT, or unset them."));
        }
        findings.add(Finding.ok("home lock", running
                ? "a server uses " + config.home() + " at this moment"
                : "no server uses " + config.home()));
        config.webhooks().url().ifPresent(url -> findings.add(webhook(url)));
        String endpoint = environment.getOrDefault("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                environment.getOrDefault("OTEL_EXPORTER_OTLP_ENDPOINT", ""));
        findings.add(Finding.ok("traces", endpoint.isEmpty() ? "off" : "sent to " + endpoint));
        return findings;
    }

    private static boolean free(InetAddress address, int port) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(address, port), 1);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private boolean serverRuns() {
        Path lock = config.home().resolve("lock");
        if (!Files.exists(lock)) {
            return false;
        }
        try (FileChannel channel = FileChannel.open(lock, StandardOpenOption.WRITE);
                FileLock mine = channel.tryLock()) {
            return mine == null;
        } catch (OverlappingFileLockException e) {
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private static Finding webhook(URI url) {
        try {
            InetAddress.getByName(url.getHost());
            return Finding.ok("webhook", "reports go to " + url.getAuthority());
        } catch (UnknownHostException e) {
            return Finding.warn("webhook", "there is no host " + url.getHost(), "Look at d3s.webhooks.url.");
        }
    }
}
