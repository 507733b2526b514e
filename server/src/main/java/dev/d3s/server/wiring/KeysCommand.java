package dev.d3s.server.wiring;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.resource.LoadableResource;
import org.jspecify.annotations.Nullable;

import dev.d3s.natives.NativeLibraries;
import dev.d3s.server.access.ApiKey;
import dev.d3s.server.access.Caller;
import dev.d3s.server.access.KeySecret;
import dev.d3s.server.access.KeyService;
import dev.d3s.server.access.Role;
import dev.d3s.server.access.Scope;
import dev.d3s.server.config.DatabaseAddress;
import dev.d3s.server.store.SqliteLibrary;
import dev.d3s.spi.D3sException;
import io.quarkus.flyway.runtime.QuarkusFlywayResourceProvider;
import io.quarkus.flyway.runtime.QuarkusPathLocationScanner;

/**
 * {@code ./d3s keys}: makes, lists and revokes API keys in the database of the server that is configured, whether or not that
 * runs. Whoever can write that database needs no key for it.
 */
final class KeysCommand {
    static final String USAGE = """
            usage: ./d3s keys create --organization ORG --name NAME [--role user|admin] [--scope SCOPE,...] [--expires P90D]
                                      [--key-file FILE]
                   ./d3s keys list [--organization ORG]
                   ./d3s keys revoke ID

              --organization   whose files, jobs and models the key opens
              --name           whom or what it is for
              --role           user (default) or admin
              --scope          read, write (which includes read), completions, all (default), or single ones: files:read,
                               files:write, jobs:read, jobs:write, models:read, models:write
              --expires        after this long, as P90D or PT12H; never when absent
              --key-file       stores the key that is in the file, unless it is stored already, instead of making one and showing
                               it: d3s- and 10 hexadecimal digits, - and 64 more, which nobody can guess

            The database is that of D3S_HOME, or D3S_DATASOURCE_URL. The key is shown once.""";

    private static final String COLUMNS = "%-30s %-16s %-16s %-6s %-20s %-17s %-17s %s%n";

    private KeysCommand() {}

    /** @throws IllegalArgumentException saying what is wrong with the options */
    static int run(PrintStream out, String... arguments) throws IOException {
        String action = arguments.length == 0 ? "" : arguments[0];
        List<String> rest = Arrays.asList(arguments).subList(Math.min(1, arguments.length), arguments.length);
        try {
            switch (action) {
                case "create" ->
                    create(out, options(rest, "--organization", "--name", "--role", "--scope", "--expires",
                            "--key-file"));
                case "list" -> list(out, options(rest, "--organization").get("--organization"));
                case "revoke" -> {
                    if (rest.size() != 1) {
                        throw new IllegalArgumentException("Give the id of one key, as ./d3s keys list shows it.");
                    }
                    revoke(out, rest.getFirst());
                }
                default -> throw new IllegalArgumentException(USAGE);
            }
            return 0;
        } catch (D3sException e) {
            out.println(e.text());
            return 1;
        }
    }

    private static Map<String, String> options(List<String> arguments, String... known) {
        Map<String, String> options = new HashMap<>();
        List<String> rest = new ArrayList<>();
        for (String argument : arguments) {
            int equals = argument.startsWith("--") ? argument.indexOf('=') : -1;
            rest.add(equals < 0 ? argument : argument.substring(0, equals));
            if (equals >= 0) {
                rest.add(argument.substring(equals + 1));
            }
        }
        for (int index = 0; index < rest.size(); index += 2) {
            String name = rest.get(index);
            if (!Set.of(known).contains(name)) {
                throw new IllegalArgumentException("There is no option " + name + ".\n" + USAGE);
            }
            if (index + 1 == rest.size()) {
                throw new IllegalArgumentException(name + " needs a value.");
            }
            options.merge(name, rest.get(index + 1), (one, other) -> one + "," + other);
        }
        return options;
    }

    private static void create(PrintStream out, Map<String, String> options) throws IOException {
        String organization = required(options, "--organization");
        String name = required(options, "--name");
        Role role = role(options.getOrDefault("--role", Role.USER.key()));
        Set<Scope> scopes = Scope.parse(Arrays.stream(options.getOrDefault("--scope", "all").split(","))
            .map(String::strip)
            .toList());
        Duration expires = expires(options.get("--expires"));
        if (options.containsKey("--key-file")) {
            KeySecret secret = secret(Path.of(options.get("--key-file")));
            ApiKey key = service().provide(commandLine(organization), organization, name, role, scopes, expires,
                    secret);
            out.printf("The key %s of '%s' of %s (%s), id %s, is %s.%n", secret, key.name(), key.organization(),
                    key.role().key(), key.id(),
                    key.revokedAt() == null ? "stored" : "revoked: no request with it is answered");
            return;
        }
        KeyService.NewKey made = service().create(commandLine(organization), organization, name, role, scopes, expires);
        ApiKey key = made.key();
        out.println(made.secret().text());
        out.println();
        out.printf("This is the key of '%s' of %s (%s), id %s%s. It is not shown again: keep it now.%n", key.name(),
                key.organization(), key.role().key(), key.id(),
                key.expiresAt() == null ? "" : ", until " + time(key.expiresAt()) + " UTC");
        out.println("Clients send it as Authorization: Bearer ..., as those of OpenAI do with OPENAI_API_KEY.");
    }

    private static void list(PrintStream out, @Nullable String organization) throws IOException {
        out.printf(COLUMNS, "id", "organization", "name", "role", "key", "last used", "until", "scopes");
        for (ApiKey key : service().list(organization)) {
            Long used = key.lastUsedAt();
            Long until = key.expiresAt();
            out.printf(COLUMNS, key.id(), key.organization(), key.name(), key.role().key(),
                    "d3s-" + key.prefix() + "-...", used == null ? "never" : time(used),
                    key.revokedAt() != null ? "revoked" : until == null ? "" : time(until),
                    key.scopes().equals(Scope.all())
                            ? "all"
                            : key.scopes().stream().map(Scope::key).sorted().collect(Collectors.joining(",")));
        }
    }

    private static void revoke(PrintStream out, String id) throws IOException {
        out.println(service().revoke(commandLine("-"), id)
                ? "The key " + id + " is revoked: no further request with it is answered."
                : "The key " + id + " was revoked before.");
    }

    private static String required(Map<String, String> options, String name) {
        String value = options.get(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is required.\n" + USAGE);
        }
        return value;
    }

    /** The message names the file and not what is in it. */
    private static KeySecret secret(Path file) {
        try {
            return KeySecret.parse(Files.readString(file).strip())
                .orElseThrow(() -> new IllegalArgumentException(
                        "--key-file " + file
                                + " has no key in it: it must be d3s-, 10 hexadecimal digits in lower case, -"
                                + " and 64 more, as this makes: echo d3s-$(openssl rand -hex 5)-$(openssl rand -hex 32)"));
        } catch (IOException e) {
            throw new IllegalArgumentException("--key-file " + file + " cannot be read: " + e, e);
        }
    }

    private static Role role(String text) {
        return Arrays.stream(Role.values())
            .filter(role -> role.key().equals(text.toLowerCase(Locale.ROOT)))
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException("--role is '" + text + "' but must be user or admin."));
    }

    private static @Nullable Duration expires(@Nullable String text) {
        try {
            return text == null ? null : Duration.parse(text);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException("--expires is '" + text + "' but must be a time such as P90D or PT12H.",
                    e);
        }
    }

    private static String time(long milliseconds) {
        return Instant.ofEpochMilli(milliseconds)
            .truncatedTo(ChronoUnit.MINUTES)
            .toString()
            .replace('T', ' ')
            .replace(":00Z", "");
    }

    private static Caller commandLine(String organization) {
        return new Caller(organization, false, Caller.Kind.SERVER, "command line",
                System.getProperty("user.name", "somebody"), Role.ADMIN, Scope.all(), null);
    }

    /** On the database of the server; made, when no server has run there before. */
    private static KeyService service() throws IOException {
        DatabaseAddress database = DatabaseAddress.read();
        Files.createDirectories(database.home());
        if (database.sqlite()) {
            SqliteLibrary.prepare(NativeLibraries.userCache());
        }
        FluentConfiguration configuration = Flyway.configure()
            .dataSource(database.url(), database.user(), database.password())
            .locations(database.locations().stream().map(location -> "classpath:" + location).toArray(String[]::new));
        // a native executable cannot look into its class path, and was given the list when it was built; a JVM has none
        Collection<LoadableResource> built = new QuarkusPathLocationScanner(configuration,
                List.of(configuration.getLocations()))
            .scanForResources();
        if (!built.isEmpty()) {
            configuration.resourceProvider(new QuarkusFlywayResourceProvider(built));
        }
        Flyway flyway = configuration.load();
        flyway.migrate();
        return KeyService.of(flyway.getConfiguration().getDataSource());
    }
}
