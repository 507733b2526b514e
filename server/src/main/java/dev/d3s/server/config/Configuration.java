package dev.d3s.server.config;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;

import org.eclipse.microprofile.config.spi.Converter;
import org.jspecify.annotations.Nullable;

import io.quarkus.runtime.configuration.ConfigUtils;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;

/**
 * What was set and what is wrong with it, before a server starts: values that cannot be read, values out of range, keys that
 * do not exist, directories that are not there. All of it at once; the server's own reading of the same settings would stop at
 * the first.
 *
 * @param mistakes one sentence each; a server does not start with them
 * @param warnings what is odd and may be meant
 * @param given what is set, with where from, without values of secrets
 * @param config the settings, with defaults in place of mistaken ones
 * @param others see {@link #other}
 */
public record Configuration(List<String> mistakes, List<String> warnings, Map<String, String> given,
        D3sConfig config, Map<String, String> others) {
    /** Properties that matter and are not, or not in every build, among the settings. */
    private static final List<String> OTHERS = List.of("quarkus.http.host", "quarkus.http.port", DatabaseAddress.URL,
            "d3s.datasource.username", "d3s.datasource.password");
    /** Variables that begin like settings and are none: of the launcher, of graders' secrets, of tests. */
    private static final Pattern OTHER_VARIABLES = Pattern.compile("D3S_(JAVA_OPTIONS|NATIVES|GRADER_.*|TEST_.*)");
    /** What Kubernetes puts into every container of a namespace that has a service whose name begins with d3s. */
    private static final Pattern KUBERNETES = Pattern
        .compile("D3S_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?)");
    /** Of a value in a list: {@code d3s.network.allow[0]}. */
    private static final Pattern INDEX = Pattern.compile("\\[[0-9]+]$");
    private static final int NEAR = 3;

    public Configuration {
        mistakes = List.copyOf(mistakes);
        warnings = List.copyOf(warnings);
    }

    /** Of this process. */
    public static Configuration read() {
        SmallRyeConfig process = ConfigUtils.configBuilder().build();
        Map<String, String> values = new TreeMap<>();
        Map<String, String> given = new TreeMap<>();
        for (ConfigurationKey key : ConfigurationKey.all()) {
            io.smallrye.config.ConfigValue value = process.getConfigValue(key.name());
            if (value.getValue() != null && !value.getValue().isEmpty()) {
                values.put(key.name(), value.getValue());
                given.put(key.name(), String.valueOf(value.getConfigSourceName()));
            }
        }
        Map<String, String> others = new TreeMap<>();
        for (String name : OTHERS) {
            String value = process.getConfigValue(name).getValue();
            if (value != null) {
                others.put(name, value);
            }
        }
        List<String> names = new ArrayList<>();
        process.getPropertyNames().forEach(names::add);
        Configuration checked = check(values, names, System.getenv(), process);
        return new Configuration(checked.mistakes(), checked.warnings(), given, checked.config(), others);
    }

    /** The host or port of the server, or where its database is: empty where it is not set. */
    public String other(String name) {
        return others.getOrDefault(name, "");
    }

    /**
     * As if a process had these and nothing else.
     *
     * @param values of settings, by name
     * @param others see {@link #other}
     */
    public static Configuration of(Map<String, String> values, Map<String, String> others) {
        Configuration checked = check(values, values.keySet(), Map.of());
        return new Configuration(checked.mistakes(), checked.warnings(), values, checked.config(), others);
    }

    /** With single values read as a server reads them. */
    static Configuration check(Map<String, String> values, Iterable<String> names, Map<String, String> environment) {
        return check(values, names, environment, builder().build());
    }

    /**
     * @param values of the keys that exist, by name
     * @param names of every property there is
     * @param environment every variable
     * @param reader of single values
     */
    private static Configuration check(Map<String, String> values, Iterable<String> names,
            Map<String, String> environment, SmallRyeConfig reader) {
        SettingsCheck check = new SettingsCheck();
        List<String> warnings = new ArrayList<>();
        Map<String, ConfigurationKey> known = new LinkedHashMap<>();
        ConfigurationKey.all().forEach(key -> known.put(key.name(), key));
        unknown(names, environment, known, check, warnings);

        Map<String, String> readable = new LinkedHashMap<>();
        for (ConfigurationKey key : known.values()) {
            String value = values.get(key.name());
            if (value != null) {
                String problem = problem(reader, key, value);
                if (problem == null) {
                    readable.put(key.name(), value);
                } else {
                    check.add(problem);
                }
            }
        }
        // (defaults may refer to the system's properties and other variables, which are not settings)
        D3sConfig config = builder().withSources(new PropertiesConfigSource(readable, "checked", 400),
                new PropertiesConfigSource(references(environment), "environment", 50))
            .withMapping(D3sConfig.class)
            .build()
            .getConfigMapping(D3sConfig.class);
        config.check(check);
        directories(config, check);
        return new Configuration(check.mistakes(), warnings, Map.of(), config, Map.of());
    }

    private static SmallRyeConfigBuilder builder() {
        return new SmallRyeConfigBuilder().addDefaultInterceptors()
            .addDiscoveredConverters();
    }

    private static Map<String, String> references(Map<String, String> environment) {
        Map<String, String> others = new LinkedHashMap<>(environment);
        others.keySet().removeIf(name -> name.startsWith("D3S_") || name.startsWith("d3s."));
        others.put("user.home", System.getProperty("user.home"));
        return others;
    }

    private static @Nullable String problem(SmallRyeConfig reader, ConfigurationKey key, String value) {
        try {
            for (String each : key.list() ? value.split(",") : new String[]{value}) {
                if (key.type() == boolean.class && !each.strip().matches("true|false")) {
                    throw new IllegalArgumentException("SmallRye takes everything else for false");
                }
                Converter<?> converter = reader.getConverter(key.type()).orElseThrow();
                Objects.requireNonNull(converter.convert(each.strip()), "nothing in it");
            }
            return null;
        } catch (RuntimeException e) { // each converter has exceptions of its own
            return key.name() + " is " + (secret(key.name()) ? "given" : "'" + value + "'") + " but must be "
                    + (key.list() ? "a list, separated by commas, of which each is " : "") + key.words() + ".";
        }
    }

    private static boolean secret(String name) {
        return name.endsWith("token") || name.endsWith("secret") || name.endsWith("password");
    }

    private static void unknown(Iterable<String> names, Map<String, String> environment,
            Map<String, ConfigurationKey> known, SettingsCheck check, List<String> warnings) {
        TreeSet<String> unknown = new TreeSet<>();
        for (String name : names) {
            if (name.startsWith("d3s.")) {
                String key = INDEX.matcher(name).replaceFirst("");
                if (!known.containsKey(key) && !environment.containsKey(ConfigurationKey.variable(key))) {
                    unknown.add(key);
                }
            }
        }
        for (String key : unknown) {
            check.add("There is no setting " + key + ". Did you mean " + nearest(key, known.keySet()) + "?");
        }
        Map<String, ConfigurationKey> variables = new LinkedHashMap<>();
        known.values().forEach(key -> variables.put(key.variable(), key));
        for (String variable : new TreeSet<>(environment.keySet())) {
            if (!variable.startsWith("D3S_") || variables.containsKey(variable)
                    || OTHER_VARIABLES.matcher(variable).matches() || KUBERNETES.matcher(variable).matches()) {
                continue;
            }
            String nearest = nearest(variable, variables.keySet());
            if (distance(variable, nearest) <= NEAR) {
                check.add("There is no setting " + variable + ". Did you mean " + nearest + "?");
            } else {
                warnings.add("The environment variable " + variable + " is no setting of this server.");
            }
        }
    }

    private static void directories(D3sConfig config, SettingsCheck check) {
        Path home = config.home();
        check.require(!Files.exists(home) || Files.isDirectory(home),
                "d3s.home is " + home + ", which is no directory: name one, or one that is still to be made.");
        config.plugins()
            .directory()
            .ifPresent(directory -> check.require(Files.isDirectory(directory), "d3s.plugins.directory is " + directory
                    + ", which is no directory: make it, or leave the setting out."));
        config.data()
            .directory()
            .ifPresent(directory -> check.require(Files.isDirectory(directory), "d3s.data.directory is " + directory
                    + ", which is no directory: make it, or leave the setting out."));
    }

    static String nearest(String name, Iterable<String> known) {
        List<String> all = new ArrayList<>();
        known.forEach(all::add);
        return all.stream().min(Comparator.comparingInt(each -> distance(name, each))).orElse("");
    }

    /** Letters to insert, delete, change or swap with their neighbour. */
    static int distance(String a, String b) {
        int[][] least = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    least[i][j] = i + j;
                    continue;
                }
                int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                least[i][j] = Math.min(least[i - 1][j - 1] + change,
                        1 + Math.min(least[i - 1][j], least[i][j - 1]));
                if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
                    least[i][j] = Math.min(least[i][j], least[i - 2][j - 2] + 1);
                }
            }
        }
        return least[a.length()][b.length()];
    }

    /** Without values, among which there may be secrets. */
    @Override
    public String toString() {
        return "Configuration[mistakes=" + mistakes + ", warnings=" + warnings + ", given=" + given.keySet() + "]";
    }
}
