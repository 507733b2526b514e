package dev.d3s.server.config;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

/**
 * The settings of a running server.
 *
 * @param home its database, uploaded files and checkpoints
 * @param modelsDirectory each directory in it is a base model
 * @param pluginsDirectory jars with further plugins; {@code null} for none
 * @param threads processor threads for the engines, at least 1
 * @param uploadLimit largest request in bytes
 * @param organization in the ids of fine-tuned models
 * @param heartbeat a quiet event stream carries a comment this often
 * @param pluginTimeout limit of one call into a plugin
 * @param modelSources where models may come from besides the models directory
 * @param allowedAddresses {@code host:port} of services inside this server's network that graders and integrations may reach
 * @param dataDirectory jobs may use the data sets in it without uploading them; {@code null} for none
 * @param memory that jobs are planned for
 */
public record ServerSettings(Path home, Path modelsDirectory, @Nullable Path pluginsDirectory, int threads,
        long uploadLimit, String organization, Duration heartbeat, Duration pluginTimeout,
        ModelSources modelSources, List<String> allowedAddresses, @Nullable Path dataDirectory,
        MemorySettings memory) {
    private static final Pattern ORGANIZATION = Pattern.compile("[A-Za-z0-9_-]{1,64}");
    private static final Pattern ADDRESS = Pattern.compile("[^:/\\s]+:[0-9]{1,5}|[0-9A-Fa-f:.]+:[0-9]{1,5}");

    public ServerSettings {
        home = home.toAbsolutePath().normalize();
        modelsDirectory = modelsDirectory.toAbsolutePath().normalize();
        allowedAddresses = List.copyOf(allowedAddresses);
        SettingsCheck check = new SettingsCheck();
        for (String address : allowedAddresses) {
            check.require(ADDRESS.matcher(address).matches(), "d3s.network.allow has '" + address
                    + "' but must list addresses such as 127.0.0.1:8000, separated by commas.");
        }
        check.require(threads >= 1, "d3s.threads is " + threads + " but must be at least 1.")
            .require(uploadLimit >= 1, "d3s.files.limit is " + uploadLimit + " but must be at least 1 byte.")
            .require(ORGANIZATION.matcher(organization).matches(), "d3s.organization is '" + organization
                    + "' but must be 1 to 64 letters, digits, - and _.")
            .require(heartbeat.isPositive(),
                    "d3s.events.heartbeat is " + heartbeat + " but must be longer than nothing, such as PT15S.")
            .require(pluginTimeout.isPositive(), "d3s.plugins.timeout is " + pluginTimeout
                    + " but must be longer than nothing, such as PT30S.")
            .orThrow();
    }

    /** Whether a service inside this server's network may be reached for users. */
    public boolean allows(String host, int port) {
        String address = host + ":" + port;
        return allowedAddresses.stream().anyMatch(address::equalsIgnoreCase);
    }

    /** Where uploaded files lie. */
    public Path filesDirectory() {
        return home.resolve("files");
    }

    /** Where a job keeps its checkpoints. */
    public Path jobDirectory(String job) {
        return home.resolve("jobs").resolve(job);
    }
}
