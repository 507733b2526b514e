package dev.d3s.server;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import org.opentest4j.TestAbortedException;

/**
 * PostgreSQL as Debian packages it, one for all tests of this process: made in a temporary directory when first asked for, and
 * gone with the process, however that ends.
 */
public final class PostgresProcess {
    private static final Path INSTALLED = Path.of("/usr/lib/postgresql");
    private static final String USER = "d3s";
    /** PostgreSQL refuses to run as root; its package brings this user. */
    private static final String UNPRIVILEGED = "postgres";
    /** The end of standard input, which comes with the end of this process, ends PostgreSQL. */
    private static final String SCRIPT = """
            set -e
            directory=$(mktemp -d /tmp/d3s-postgresql-XXXXXX)
            trap 'rm -rf "$directory"' EXIT
            "$1/initdb" --pgdata="$directory/data" --username=%1$s --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
              --no-sync --no-instructions >"$directory/initdb.log" 2>&1 || { cat "$directory/initdb.log"; exit 1; }
            "$1/postgres" -D "$directory/data" -k "$directory" -p "$2" -c listen_addresses=127.0.0.1 -c fsync=off \
              -c synchronous_commit=off -c full_page_writes=off -c max_connections=200 -c shared_buffers=64MB \
              -c deadlock_timeout=200ms >"$directory/log" 2>&1 </dev/null &
            server=$!
            echo started
            read -r line || true
            kill -QUIT $server 2>/dev/null || true
            wait $server || true
            """.formatted(USER);

    private static final List<Object> STARTED = new ArrayList<>();

    private final Process process;
    private final int port;
    private int databases;

    private PostgresProcess(Path programs) throws IOException, InterruptedException {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        List<String> command = new ArrayList<>();
        if ("root".equals(System.getProperty("user.name"))) {
            command.addAll(List.of("runuser", "-u", UNPRIVILEGED, "--"));
        }
        command.addAll(List.of("sh", "-c", SCRIPT, "postgresql", programs.toString(), String.valueOf(port)));
        process = new ProcessBuilder(command).directory(Path.of("/tmp").toFile()).redirectErrorStream(true).start();
        Runtime.getRuntime().addShutdownHook(new Thread(this::stop));
        String first = process.inputReader(StandardCharsets.UTF_8).readLine();
        if (!"started".equals(first)) {
            throw new IOException("PostgreSQL could not be made: " + first);
        }
        await();
    }

    private void await() throws InterruptedException, IOException {
        long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (true) {
            try (Connection connection = DriverManager.getConnection(url("postgres"))) {
                if (connection.isValid(1)) {
                    return;
                }
            } catch (SQLException e) {
                if (System.nanoTime() > limit || !process.isAlive()) {
                    throw new IOException("PostgreSQL does not answer", e);
                }
                Thread.sleep(20);
            }
        }
    }

    private void stop() {
        try {
            process.getOutputStream().close();
            process.waitFor(10, TimeUnit.SECONDS);
        } catch (IOException e) {
            process.destroy();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * The one of this process.
     *
     * @throws TestAbortedException where there is no PostgreSQL: tests that need it are skipped
     */
    public static synchronized PostgresProcess shared() {
        if (STARTED.isEmpty()) {
            Path programs = programs().orElseThrow(() -> new TestAbortedException(
                    "PostgreSQL is not installed (apt-get install postgresql): its tests are skipped"));
            try {
                STARTED.add(new PostgresProcess(programs));
            } catch (IOException e) {
                STARTED.add(new TestAbortedException("PostgreSQL cannot be started here: " + e.getMessage(), e));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException(e);
            }
        }
        if (STARTED.getFirst() instanceof PostgresProcess started) {
            return started;
        }
        throw (TestAbortedException) STARTED.getFirst();
    }

    private static Optional<Path> programs() {
        if (!Files.isDirectory(INSTALLED)) {
            return Optional.empty();
        }
        try (Stream<Path> versions = Files.list(INSTALLED)) {
            return versions.map(version -> version.resolve("bin"))
                .filter(programs -> Files.isExecutable(programs.resolve("initdb")))
                .max(Comparator.comparing(Path::toString));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private String url(String database) {
        return "jdbc:postgresql://127.0.0.1:" + port + "/" + database + "?user=" + USER;
    }

    /** @return the address of a new database, a copy of another one or empty */
    public synchronized String create(String template) {
        String name = "d3s_" + databases++;
        execute("create database " + name + " template " + template);
        return url(name);
    }

    /** Runs a statement in the database that is always there. */
    public void execute(String sql) {
        try (Connection connection = DriverManager.getConnection(url("postgres"));
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }
}
