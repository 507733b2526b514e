package dev.d3s.server.telemetry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Liveness;
import org.eclipse.microprofile.health.Readiness;

import dev.d3s.natives.NativeLibraries;
import dev.d3s.server.config.ServerSettings;

/**
 * What {@code GET /q/health/live} and {@code /q/health/ready} look at, besides the database. A process that answers is alive,
 * whatever its database does: restarting it would mend nothing. What is degraded shows in the data of the check of that name and
 * takes no traffic away.
 */
@Singleton
final class HealthChecks {
    private HealthChecks() {}

    @Produces
    @Singleton
    @Liveness
    static HealthCheck process() {
        return () -> HealthCheckResponse.named("process").up().build();
    }

    @Produces
    @Singleton
    @Readiness
    static HealthCheck home(ServerSettings settings) {
        return () -> home(settings.home());
    }

    static HealthCheckResponse home(Path home) {
        try {
            Files.delete(Files.createTempFile(home, ".health-", ""));
            return HealthCheckResponse.named("home").up().build();
        } catch (IOException e) {
            return HealthCheckResponse.named("home")
                .down()
                .withData("message", "Nothing can be written to " + home + " (d3s.home): " + e.getMessage())
                .build();
        }
    }

    @Produces
    @Singleton
    @Readiness
    static HealthCheck engines() {
        return () -> {
            try {
                NativeLibraries.prepare(NativeLibraries.userCache());
                return HealthCheckResponse.named("engines").up().build();
            } catch (RuntimeException e) {
                return HealthCheckResponse.named("engines")
                    .down()
                    .withData("message", String.valueOf(e.getMessage()))
                    .build();
            }
        };
    }

    @Produces
    @Singleton
    @Readiness
    static HealthCheck degraded(ServerCondition condition) {
        return () -> degraded(condition.findings());
    }

    static HealthCheckResponse degraded(Map<String, String> findings) {
        HealthCheckResponseBuilder response = HealthCheckResponse.named("degraded")
            .up()
            .withData("degraded", !findings.isEmpty());
        findings.forEach(response::withData);
        return response.build();
    }
}
