package dev.d3s.server.doctor;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.config.Configuration;
import dev.d3s.server.doctor.Finding.Status;

/**
 * Looks at everything that keeps a server from working well, and says what to do about it. Changes nothing but for a few files
 * that it writes into {@code d3s.home} to see how fast its disk is, and deletes. Used by one thread.
 */
public final class Doctor {
    public static final String USAGE = """
            usage: ./d3s doctor [--json]

              --json   one JSON object instead of lines

            Looks at the machine, the configuration, d3s.home, the database, models and plugins, without starting the server.
            Ends with 0 when nothing fails, else with 1.""";

    private final PrintStream out;
    private final boolean json;
    private final List<Supplier<List<Finding>>> checks;

    private Doctor(PrintStream out, boolean json, List<Supplier<List<Finding>>> checks) {
        this.out = out;
        this.json = json;
        this.checks = checks;
    }

    /**
     * For this machine and this process' configuration.
     *
     * @param cache where native libraries are unpacked
     * @throws IllegalArgumentException for an option that there is not
     */
    public static Doctor parse(PrintStream out, Path cache, String... options) {
        boolean json = false;
        for (String option : options) {
            if (!option.equals("--json")) {
                throw new IllegalArgumentException("Unknown option '" + option + "'.\n" + USAGE);
            }
            json = true;
        }
        Configuration configuration = Configuration.read();
        return of(out, json, new Machine(Path.of("/")), cache, configuration, System.getenv());
    }

    static Doctor of(PrintStream out, boolean json, Machine machine, Path cache, Configuration configuration,
            Map<String, String> environment) {
        Surroundings surroundings = new Surroundings(configuration, environment);
        return new Doctor(out, json,
                List.of(machine::findings, () -> JavaRuntime.findings(machine.memory()),
                        () -> NativeParts.findings(cache), surroundings::configuration,
                        () -> Disk.findings(configuration.config().home()), surroundings::database,
                        surroundings::models, surroundings::plugins, surroundings::network));
    }

    /** @return the exit code */
    public int run() {
        List<Finding> findings = new ArrayList<>();
        for (Supplier<List<Finding>> check : checks) {
            try {
                findings.addAll(check.get());
            } catch (RuntimeException | LinkageError e) { // the others are worth knowing all the same
                findings.add(Finding.fail("doctor", "A check failed itself: " + e, "Please report this."));
            }
        }
        Status worst = findings.stream().map(Finding::status).max(Comparator.naturalOrder()).orElse(Status.OK);
        if (json) {
            out.println(json(findings, worst));
        } else {
            findings.forEach(this::print);
            out.println(switch (worst) {
                case OK -> "Nothing is wrong.";
                case WARN -> "Nothing fails; what is marked WARN may be meant otherwise.";
                case FAIL -> "What is marked FAIL keeps the server from its work.";
            });
        }
        return worst == Status.FAIL ? 1 : 0;
    }

    private void print(Finding finding) {
        out.printf(Locale.ROOT, "%-4s  %-16s %s%n", finding.status(), finding.subject(), finding.text());
        if (finding.fix() != null) {
            out.printf(Locale.ROOT, "%-4s  %-16s -> %s%n", "", "", finding.fix());
        }
    }

    private static String json(List<Finding> findings, Status worst) {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode all = mapper.createObjectNode().put("status", word(worst));
        ArrayNode list = all.putArray("findings");
        for (Finding finding : findings) {
            list.addObject()
                .put("status", word(finding.status()))
                .put("subject", finding.subject())
                .put("text", finding.text())
                .put("fix", finding.fix());
        }
        return all.toPrettyString();
    }

    private static String word(Status status) {
        return status.name().toLowerCase(Locale.ROOT);
    }
}
