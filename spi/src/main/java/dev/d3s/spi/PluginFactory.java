package dev.d3s.spi;

import java.util.List;

/**
 * Makes one kind of thing, by name, from a declared configuration.
 *
 * <p>
 * Guarantees:
 * <ol>
 * <li>{@link #name()}, {@link #description()} and {@link #configKeys()} are read once, at server start.</li>
 * <li>{@link #create} runs when a job that names the plugin is submitted, to check its configuration, and again before
 * the job's first step; what it makes for a check is closed at once. So it acquires nothing that is dear: that belongs into
 * the first use.</li>
 * <li>It is given a configuration in which every declared key has a value of its type and inside its range; undeclared
 * keys never reach it.</li>
 * <li>{@link #create} that takes longer than the server's limit is interrupted; the job that asked for it is refused.</li>
 * <li>{@link #create} may throw {@link InvalidConfigException} for what ranges cannot express; the job is refused with
 * those messages. Any other exception is reported as a fault of the plugin.</li>
 * </ol>
 *
 * @param <T> what the factory makes
 */
public interface PluginFactory<T> {
    /** The name by which a job chooses it: {@code [a-z][a-z0-9_-]*}, unique within its kind. */
    String name();

    /** One line for {@code GET /v1/plugins}. */
    String description();

    /** The configuration it understands; the server derives JSON Schema and error messages from it. */
    default List<ConfigKey> configKeys() {
        return List.of();
    }

    /** Makes one instance for one job. */
    T create(PluginConfig config);
}
