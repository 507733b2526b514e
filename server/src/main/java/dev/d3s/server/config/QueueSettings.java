package dev.d3s.server.config;

import java.time.Duration;

/**
 * Whose job is next, and how many run.
 *
 * @param concurrent jobs that this server runs at once, at least 1
 * @param halfLife half of what an organization has used is forgotten after this long
 * @param queued jobs of an organization that may wait
 * @param queuedEvals evaluations of an organization that may wait
 * @param running jobs of an organization that may run, on all servers
 * @param tokens that an organization's jobs may train on in a day of UTC
 * @param disk bytes of an organization's files and checkpoints
 */
public record QueueSettings(int concurrent, Duration halfLife, OrganizationLimit queued, OrganizationLimit queuedEvals,
        OrganizationLimit running, OrganizationLimit tokens, OrganizationLimit disk) {
    public static final QueueSettings DEFAULT = new QueueSettings(1, Duration.ofDays(1), OrganizationLimit.NONE,
            OrganizationLimit.NONE, OrganizationLimit.NONE, OrganizationLimit.NONE, OrganizationLimit.NONE);

    public QueueSettings {
        new SettingsCheck()
            .require(concurrent >= 1, "d3s.jobs.concurrent is " + concurrent + " but must be at least 1.")
            .require(halfLife.isPositive(),
                    "d3s.jobs.half-life is " + halfLife + " but must be longer than nothing, such as PT24H.")
            .orThrow();
    }
}
