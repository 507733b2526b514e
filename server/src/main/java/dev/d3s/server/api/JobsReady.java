package dev.d3s.server.api;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;

import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

import dev.d3s.server.job.JobService;
import dev.d3s.spi.D3sException;

/** Ready when jobs can be stored. */
@Readiness
@ApplicationScoped
class JobsReady implements HealthCheck {
    private final JobService jobs;

    @Inject
    JobsReady(JobService jobs) {
        this.jobs = jobs;
    }

    @Override
    public HealthCheckResponse call() {
        try {
            return HealthCheckResponse.named("jobs").status(jobs.ready()).build();
        } catch (D3sException e) {
            return HealthCheckResponse.named("jobs").down().withData("message", e.text()).build();
        }
    }
}
