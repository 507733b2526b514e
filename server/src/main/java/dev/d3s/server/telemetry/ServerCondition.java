package dev.d3s.server.telemetry;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.planning.ProcessMemory;
import dev.d3s.server.plugin.PluginProblem;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.tracking.JobTrackers;
import dev.d3s.server.webhook.WebhookDelivery;
import dev.d3s.spi.D3sException;

/**
 * What is not as it should be although the server serves: a disk that is nearly full, memory below its reserve, a tracker or
 * webhook that cannot be told, plugins that did not load. Looks anew each time it is asked; thread-safe.
 */
@Singleton
public class ServerCondition {
    private static final long LITTLE_DISK = 1L << 30;
    private static final double LITTLE_SHARE = 0.05;

    private final ServerSettings settings;
    private final LongSupplier availableMemory;
    private final Supplier trackers;
    private final Supplier webhooks;
    private final PluginRegistry plugins;

    /** Trouble in words. */
    @FunctionalInterface
    interface Supplier {
        Optional<String> trouble();
    }

    @Inject
    ServerCondition(ServerSettings settings, JobTrackers trackers, WebhookDelivery webhooks, PluginRegistry plugins) {
        this(settings, ProcessMemory::available, trackers::trouble, webhooks::trouble, plugins);
    }

    ServerCondition(ServerSettings settings, LongSupplier availableMemory, Supplier trackers, Supplier webhooks,
            PluginRegistry plugins) {
        this.settings = settings;
        this.availableMemory = availableMemory;
        this.trackers = trackers;
        this.webhooks = webhooks;
        this.plugins = plugins;
    }

    /** What is wrong, by what it is about; empty when all is well. */
    public Map<String, String> findings() {
        Map<String, String> findings = new LinkedHashMap<>();
        disk(settings.home()).ifPresent(text -> findings.put("disk", text));
        memory().ifPresent(text -> findings.put("memory", text));
        said(trackers).ifPresent(text -> findings.put("integrations", text));
        said(webhooks).ifPresent(text -> findings.put("webhook", text));
        if (!plugins.problems().isEmpty()) {
            findings.put("plugins",
                    plugins.problems().stream().map(PluginProblem::message).collect(Collectors.joining(" ")));
        }
        return findings;
    }

    private static Optional<String> said(Supplier supplier) {
        try {
            return supplier.trouble();
        } catch (D3sException e) {
            return Optional.empty(); // the database does not answer, which readiness says
        }
    }

    private static Optional<String> disk(Path home) {
        try {
            FileStore store = Files.getFileStore(home);
            long usable = store.getUsableSpace();
            if (usable >= LITTLE_DISK && usable >= LITTLE_SHARE * (double) store.getTotalSpace()) {
                return Optional.empty();
            }
            return Optional.of("The disk of " + home + " has " + mebibytes(usable)
                    + " left: checkpoints may not fit. Free space, or move d3s.home.");
        } catch (IOException e) {
            return Optional.of("The disk of " + home + " does not say how full it is: " + e.getMessage());
        }
    }

    private Optional<String> memory() {
        long available = availableMemory.getAsLong();
        long reserve = settings.memory().reserve();
        // what the process holds counts as available to it; 0 is a system that does not say
        if (available == 0 || available - ProcessMemory.resident() >= reserve) {
            return Optional.empty();
        }
        return Optional.of("Others left " + mebibytes(Math.max(0, available - ProcessMemory.resident()))
                + " of memory, less than d3s.memory.reserve (" + mebibytes(reserve) + ").");
    }

    private static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%,d MiB", bytes >> 20);
    }
}
