package dev.d3s.server.job;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

import dev.d3s.server.store.TestDatabase;
import io.agroal.api.AgroalDataSource;

/**
 * One server of several, as a process of its own: jobs over a database that others share, with a training that a test decides
 * over. Does what is said to it on standard input, line by line, and says what it has done.
 */
public final class ClusterNode {
    private ClusterNode() {}

    /** @param arguments the database's address, the home that all servers share, and this server's name */
    public static void main(String... arguments) throws Exception {
        PrintStream out = System.out;
        try (AgroalDataSource source = TestDatabase.pool(arguments[0]);
                TestServer server = new TestServer(Path.of(arguments[1]), source, arguments[2])) {
            server.training.hold();
            server.jobs.start();
            out.println("ready");
            BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = commands.readLine(); line != null; line = commands.readLine()) {
                String[] words = line.split(" ");
                switch (words[0]) {
                    case "create" -> out.println(server.jobs.create(TestServer.CALLER,
                            server.request(Integer.parseInt(words[1])))
                        .id());
                    case "freeze" -> {
                        server.training.freeze();
                        out.println("frozen");
                    }
                    case "allow" -> server.training.allow(Integer.parseInt(words[1]));
                    case "go" -> server.training.letGo();
                    default -> throw new IllegalArgumentException(line);
                }
            }
        }
    }
}
