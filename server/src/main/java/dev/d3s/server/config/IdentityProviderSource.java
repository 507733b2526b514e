package dev.d3s.server.config;

import java.util.List;
import java.util.Map;

import org.eclipse.microprofile.config.spi.ConfigSource;

import io.smallrye.config.ConfigSourceContext;
import io.smallrye.config.ConfigSourceFactory;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.PropertiesConfigSource;

/** Switches OpenID Connect on where an identity provider is named, so that naming one is all there is to do. */
public final class IdentityProviderSource implements ConfigSourceFactory {
    /** Above application.properties, which switch it off; below the environment. */
    private static final int ORDINAL = 255;

    @Override
    public Iterable<ConfigSource> getConfigSources(ConfigSourceContext context) {
        return named(context, "quarkus.oidc.auth-server-url") || named(context, "quarkus.oidc.public-key")
                ? List.of(new PropertiesConfigSource(Map.of("quarkus.oidc.tenant-enabled", "true"), "identity provider",
                        ORDINAL))
                : List.of();
    }

    private static boolean named(ConfigSourceContext context, String key) {
        ConfigValue value = context.getValue(key);
        return value != null && value.getValue() != null && !value.getValue().isBlank();
    }
}
