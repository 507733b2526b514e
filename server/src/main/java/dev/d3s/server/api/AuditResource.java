package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.MultivaluedMap;
import jakarta.ws.rs.core.UriInfo;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.RestQuery;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.annotation.JsonAnyGetter;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.access.AuditEntry;
import dev.d3s.server.access.AuditService;
import dev.d3s.server.access.AuditService.Filter;
import dev.d3s.server.access.Caller;
import dev.d3s.server.api.Wire.Listing;
import io.smallrye.common.annotation.RunOnVirtualThread;

/** Who did what, in the format of OpenAI's audit logs. */
@Path("/v1/organization/audit_logs")
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Audit log")
@RunOnVirtualThread
class AuditResource {
    private final AuditService audit;
    private final RequestJson json;
    private final Callers callers;

    @Inject
    AuditResource(AuditService audit, RequestJson json, Callers callers) {
        this.audit = audit;
        this.json = json;
        this.callers = callers;
    }

    /** An entry; its details are under a member that is called as its type is. */
    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "AuditLog")
    record AuditObject(String id, String object, String type, long effectiveAt, String organizationId, Actor actor,
            @Schema(description = "success or denied") String outcome,
            @JsonAnyGetter @Schema(hidden = true) Map<String, Object> details) {}

    /** Who it was. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @Schema(name = "AuditLogActor")
    record Actor(@Schema(description = "api_key, session for tokens, anonymous or server") String type,
            @Nullable Identity apiKey, @Nullable Session session, @Nullable String name, @Nullable String ipAddress) {}

    @Schema(name = "AuditLogIdentity")
    record Identity(String id, String type) {}

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "AuditLogSession")
    record Session(Identity user, @Nullable String ipAddress) {}

    @GET
    @Operation(summary = "Who did what, newest first; for admins", description = "effective_at[gt], [gte], [lt], [lte]: seconds since "
            + "1970; event_types[], actor_ids[], resource_ids[]: any of these. Of the caller's organization; with the header "
            + "OpenAI-Organization: * of all.")
    public Listing<AuditObject> list(@RestQuery @Nullable String after, @RestQuery @Nullable String limit,
            UriInfo uri) {
        return Listing.of(
                audit.list(callers.any(), filter(uri.getQueryParameters()), QueryRules.present(after),
                        QueryRules.limit(limit, 20, 1000)),
                this::wire, AuditEntry::id);
    }

    private static Filter filter(MultivaluedMap<String, String> query) {
        long from = Math.max(second(query, "gte", 0), second(query, "gt", -1) + 1);
        long to = Math.min(second(query, "lt", Integer.MAX_VALUE), second(query, "lte", Integer.MAX_VALUE) + 1);
        return new Filter(from * 1000, to * 1000, values(query, "event_types"), values(query, "actor_ids"),
                values(query, "resource_ids"));
    }

    private static long second(MultivaluedMap<String, String> query, String comparison, int otherwise) {
        String name = "effective_at[" + comparison + "]";
        return QueryRules.whole(name, query.getFirst(name), otherwise, 0, Integer.MAX_VALUE);
    }

    /** {@code name[]=a&name[]=b}, or without the brackets. */
    private static List<String> values(MultivaluedMap<String, String> query, String name) {
        List<String> values = new ArrayList<>(query.getOrDefault(name + "[]", List.of()));
        values.addAll(query.getOrDefault(name, List.of()));
        return values.subList(0, Math.min(values.size(), 100));
    }

    private AuditObject wire(AuditEntry entry) {
        Map<String, Object> about = new LinkedHashMap<>();
        about.put("id", entry.object());
        String details = entry.details();
        if (details != null) {
            JsonNode data = json.read(details);
            about.put("data", data);
        }
        return new AuditObject(entry.id(), "organization.audit_log", entry.action(), entry.at() / 1000,
                entry.organization(), actor(entry), entry.succeeded() ? "success" : "denied",
                Map.of(entry.action(), about));
    }

    private static Actor actor(AuditEntry entry) {
        Caller.Kind kind = entry.actorKind();
        return switch (kind) {
            case KEY -> new Actor("api_key", new Identity(entry.actorId(), "user"), null, entry.actorName(),
                    entry.address());
            case TOKEN ->
                new Actor("session", null, new Session(new Identity(entry.actorId(), "user"), entry.address()),
                        entry.actorName(), entry.address());
            case ANONYMOUS -> new Actor("anonymous", null, null, null, entry.address());
            case SERVER -> new Actor("server", null, null, entry.actorName(), entry.address());
        };
    }
}
