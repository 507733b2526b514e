package dev.d3s.server.api;

import java.util.List;
import java.util.Map;

import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.api.Wire.Listing;
import dev.d3s.server.plugin.PluginDescription;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.request.Page;
import dev.d3s.server.selection.Preset;
import dev.d3s.server.selection.Presets;

/** What a job can choose by name. */
@Path("/v1")
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Plugins and presets")
class CatalogResource {
    private final PluginRegistry plugins;

    @Inject
    CatalogResource(PluginRegistry plugins) {
        this.plugins = plugins;
    }

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "Plugin")
    record PluginObject(String object, String kind, String name, String version, String description,
            @Schema(implementation = Object.class, description = "JSON Schema") Map<String, Object> configSchema) {}

    @Schema(name = "PluginProblem", description = "Why something that was offered at start is not there")
    record ProblemObject(String code, String message) {}

    /** A list of plugins, and what is missing from it. */
    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "PluginList")
    record PluginListing(String object, List<PluginObject> data, boolean hasMore, @Nullable String firstId,
            @Nullable String lastId, List<ProblemObject> problems) {}

    @Schema(name = "Preset")
    record PresetObject(String object, String name, String description, Level rollouts, Level tokens) {}

    @Schema(name = "PresetLevel")
    record Level(Choice selector, Keep keep, Choice schedule) {
        /** A preset chooses by name alone; its plugins have their default configurations. */
        static Level of(Preset.Level level) {
            return new Level(new Choice(level.selector(), Map.of()), new Keep(level.keepFrom(), level.keepTo()),
                    new Choice(level.schedule(), Map.of()));
        }
    }

    @Schema(name = "PluginChoice")
    record Choice(String name, Map<String, Object> config) {}

    @Schema(name = "KeepRatio")
    record Keep(double from, double to) {}

    @GET
    @Path("/plugins")
    @Operation(summary = "Every plugin, with the JSON Schema of its configuration")
    public PluginListing plugins() {
        Listing<PluginObject> all = Listing.of(new Page<>(plugins.descriptions(), false),
                plugin -> new PluginObject("plugin", plugin.kind().key(), plugin.name(), plugin.version(),
                        plugin.description(), plugin.configSchema()),
                PluginDescription::name);
        return new PluginListing(all.object(), all.data(), all.hasMore(), all.firstId(), all.lastId(),
                plugins.problems()
                    .stream()
                    .map(problem -> new ProblemObject(problem.code(), problem.message()))
                    .toList());
    }

    @GET
    @Path("/presets")
    @Operation(summary = "Every preset, with the selections it expands to")
    public Listing<PresetObject> presets() {
        return Listing.of(new Page<>(Presets.all(), false), preset -> new PresetObject("preset", preset.name(),
                preset.description(), Level.of(preset.rollouts()), Level.of(preset.tokens())), Preset::name);
    }
}
