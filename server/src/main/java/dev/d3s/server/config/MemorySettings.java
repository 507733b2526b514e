package dev.d3s.server.config;

import org.jspecify.annotations.Nullable;

/**
 * Memory that jobs are planned for.
 *
 * @param limit bytes the process may have; {@code null} for 90 % of what the machine has to give
 * @param reserve bytes of it that are not for jobs but for models that answer completions
 */
public record MemorySettings(@Nullable Long limit, long reserve) {
    public static final MemorySettings DEFAULT = new MemorySettings(null, 256L << 20);

    public MemorySettings {
        new SettingsCheck()
            .require(reserve >= 0 && (limit == null || limit > reserve), "d3s.memory.limit (" + limit
                    + " bytes) must be above d3s.memory.reserve (" + reserve + " bytes).")
            .orThrow();
    }
}
