package dev.d3s.server.config;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * Where models may come from besides the models directory.
 *
 * @param allowed directories whose content may be registered as models
 * @param endpoint the hub that {@code hf://} stands for
 * @param token shown to that hub and to nobody else; {@code null} for none
 */
public record ModelSources(List<Path> allowed, URI endpoint, @Nullable String token) {
    static final ModelSources DEFAULT = new ModelSources(List.of(), URI.create("https://huggingface.co"), null);

    public ModelSources {
        allowed = allowed.stream().map(path -> path.toAbsolutePath().normalize()).toList();
        String text = endpoint.toString();
        endpoint = URI.create(text.endsWith("/") ? text.substring(0, text.length() - 1) : text);
        token = token == null || token.isBlank() ? null : token.strip();
        // without repeating the token
        new SettingsCheck()
            .require(token == null || token.chars().allMatch(character -> character > ' ' && character < 127),
                    "d3s.hub.token has spaces or special characters: give the token alone.")
            .require(endpoint.getHost() != null && List.of("http", "https").contains(endpoint.getScheme()),
                    "d3s.hub.endpoint is " + endpoint + " but must be an address such as https://huggingface.co.")
            .orThrow();
    }

    /** Without the token, which has no business in a log. */
    @Override
    public String toString() {
        return "ModelSources[allowed=" + allowed + ", endpoint=" + endpoint + ", token="
                + (token == null ? "none" : "given") + "]";
    }
}
