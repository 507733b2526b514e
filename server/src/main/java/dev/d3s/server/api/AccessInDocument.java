package dev.d3s.server.api;

import java.util.List;
import java.util.Map;

import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.Components;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.Operation;
import org.eclipse.microprofile.openapi.models.responses.APIResponses;
import org.eclipse.microprofile.openapi.models.security.SecurityScheme;

import io.quarkus.smallrye.openapi.OpenApiFilter;

/** Writes into the OpenAPI document, of every endpoint, that it needs a key or token and how it refuses. At build time. */
@OpenApiFilter(stages = OpenApiFilter.RunStage.BUILD)
public final class AccessInDocument implements OASFilter {
    private static final String SCHEME = "bearer";
    private static final Map<String, String> REFUSALS = Map.of("401", "There is no valid API key or token", "403",
            "The key's scopes, or the caller's role, do not allow this");

    @Override
    public void filterOpenAPI(OpenAPI document) {
        Components components = document.getComponents() == null
                ? OASFactory.createComponents()
                : document.getComponents();
        components.addSecurityScheme(SCHEME,
                OASFactory.createSecurityScheme()
                    .type(SecurityScheme.Type.HTTP)
                    .scheme("bearer")
                    .description(
                            "An API key (d3s-...), or a token of the identity provider. A server that has neither lets in"
                                    + " whoever is on its machine."));
        document.setComponents(components);
        if (document.getPaths() == null || document.getPaths().getPathItems() == null) {
            return;
        }
        document.getPaths().getPathItems().forEach((path, item) -> {
            if (path.startsWith("/v1/")) {
                item.getOperations().values().forEach(AccessInDocument::protect);
            }
        });
    }

    private static void protect(Operation operation) {
        // or nothing: without keys the server lets in whoever is on its machine
        operation.setSecurity(List.of(OASFactory.createSecurityRequirement().addScheme(SCHEME, List.of()),
                OASFactory.createSecurityRequirement()));
        APIResponses responses = operation.getResponses() == null
                ? OASFactory.createAPIResponses()
                : operation.getResponses();
        REFUSALS.forEach((status, description) -> {
            if (!responses.hasAPIResponse(status)) {
                responses.addAPIResponse(status, OASFactory.createAPIResponse()
                    .description(description)
                    .content(OASFactory.createContent()
                        .addMediaType("application/json", OASFactory.createMediaType()
                            .schema(OASFactory.createSchema().ref("#/components/schemas/Error")))));
            }
        });
        operation.setResponses(responses);
    }
}
