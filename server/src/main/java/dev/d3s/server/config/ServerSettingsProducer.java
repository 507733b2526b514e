package dev.d3s.server.config;

import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

import org.eclipse.microprofile.config.Config;

/** Hands the configuration to the rest of the server as a plain record. */
@Singleton
final class ServerSettingsProducer {
    private ServerSettingsProducer() {}

    @Produces
    @Singleton
    static ServerSettings settings(D3sConfig config) {
        return config.toSettings();
    }

    @Produces
    @Singleton
    static QueueSettings queue(D3sConfig config) {
        return config.toQueue();
    }

    @Produces
    @Singleton
    static ClusterSettings cluster(D3sConfig config) {
        return config.toCluster();
    }

    @Produces
    @Singleton
    static ServingSettings serving(D3sConfig config) {
        return config.toServing();
    }

    @Produces
    @Singleton
    static WebhookSettings webhooks(D3sConfig config) {
        return config.toWebhooks();
    }

    @Produces
    @Singleton
    static AccessSettings access(D3sConfig config) {
        return config.toAccess();
    }

    @Produces
    @Singleton
    static Listening listening(Config config) {
        return new Listening(config.getOptionalValue("quarkus.http.host", String.class).orElse("0.0.0.0"),
                config.getOptionalValue("quarkus.oidc.tenant-enabled", Boolean.class).orElse(false));
    }

    @Produces
    @Singleton
    static RequestLimits limits(D3sConfig config) {
        return config.toLimits();
    }
}
