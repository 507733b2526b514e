package dev.d3s.server.job;

import java.sql.Connection;
import java.sql.SQLException;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.webhook.UndeliveredReports;
import dev.d3s.server.webhook.WebhookOutbox;

/** What the webhook is told of jobs, and what a job's log says when it could not be. Thread-safe. */
@Singleton
final class JobReports implements UndeliveredReports {
    private final JobLog log;

    @Inject
    JobReports(JobLog log) {
        this.log = log;
    }

    /** Inside the transaction that gives a job this status. */
    static void put(WebhookOutbox outbox, Connection connection, String job, JobStatus status) throws SQLException {
        if (status.ended()) {
            outbox.put(connection, "fine_tuning.job." + status.key(), job);
        }
    }

    @Override
    public void note(String subject, String text) {
        if (log.job(subject).isPresent()) {
            log.note(subject, Level.WARN, text);
        }
    }
}
