package dev.d3s.server.access;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jboss.logging.Logger;
import org.jboss.logging.MDC;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.store.Database;
import dev.d3s.server.store.Identifiers;
import dev.d3s.spi.D3sException;

/**
 * Who did what, as rows and as lines of the log under {@value #LOGGER}. An entry is written in the transaction of the change
 * that it tells of: either both are there or neither is. Thread-safe.
 */
@Singleton
public final class AuditStore {
    /** The category of its log lines. */
    static final String LOGGER = "dev.d3s.audit";

    private static final Logger LOG = Logger.getLogger(LOGGER);
    /** Every id begins with "a". */
    private static final String PAST_ALL_IDS = "b";
    private static final int LONGEST = 255;

    private final Database database;
    private final Identifiers identifiers;

    @Inject
    public AuditStore(Database database, Identifiers identifiers) {
        this.database = database;
        this.identifiers = identifiers;
    }

    /** Writes an entry about a change that is being made in this transaction. */
    public void append(Connection connection, Caller caller, AuditAction action, String object,
            @Nullable Consumer<ObjectNode> details) throws SQLException {
        append(connection, caller, action, object, true, details);
    }

    /**
     * Writes an entry about a change that has been made in a transaction of its own, perhaps by another server. It stands although
     * the entry cannot be written; then the log has it, as an error.
     */
    public void appendAfter(Caller caller, AuditAction action, String object) {
        try {
            database.change(connection -> append(connection, caller, action, object, true, null));
        } catch (D3sException e) {
            LOG.errorf(e, "The audit log lacks: %s %s by %s of %s", action.key(), object, caller.name(),
                    caller.organization());
        }
    }

    /** Writes an entry about something that was refused. */
    void denied(Caller caller, String object, String why) {
        try {
            database.change(connection -> append(connection, caller, AuditAction.ACCESS_DENIED, object, false,
                    details -> details.put("message", why)));
        } catch (D3sException e) {
            LOG.errorf(e, "The audit log lacks: %s was refused to %s of %s", object, caller.name(),
                    caller.organization());
        }
    }

    private void append(Connection connection, Caller caller, AuditAction action, String object, boolean succeeded,
            @Nullable Consumer<ObjectNode> details) throws SQLException {
        ObjectNode more = JsonNodeFactory.instance.objectNode();
        if (details != null) {
            details.accept(more);
        }
        Database.execute(connection,
                "insert into audit_log (id, created_at, organization, actor_kind, actor_id, actor_name, action, object, "
                        + "outcome, address, details) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                identifiers.next("audit_log"), System.currentTimeMillis(), caller.organization(),
                word(caller.kind()), cut(caller.id()), cut(caller.name()), action.key(), cut(object),
                succeeded ? "success" : "denied", caller.address(), more.isEmpty() ? null : more.toString());
        log(caller, action, object, succeeded, more);
    }

    /** With its parts as members of a structured line, too. */
    private static void log(Caller caller, AuditAction action, String object, boolean succeeded, ObjectNode details) {
        String address = caller.address();
        List<String> keys = new ArrayList<>();
        put(keys, "audit.action", action.key());
        put(keys, "audit.object", object);
        put(keys, "audit.outcome", succeeded ? "success" : "denied");
        put(keys, "audit.organization", caller.organization());
        put(keys, "audit.actor", caller.id());
        put(keys, "audit.address", address == null ? "" : address);
        try {
            LOG.infof("%s %s %s by %s (%s) of %s from %s%s", action.key(), object, succeeded ? "success" : "denied",
                    caller.name(), caller.id(), caller.organization(), address == null ? "this machine" : address,
                    details.isEmpty() ? "" : " " + details);
        } finally {
            keys.forEach(MDC::remove);
        }
    }

    private static void put(List<String> keys, String key, String value) {
        MDC.put(key, value);
        keys.add(key);
    }

    /**
     * What a list of entries is narrowed to.
     *
     * @param organization only what was done for it; {@code null} for all
     * @param from milliseconds, inclusive
     * @param to milliseconds, exclusive
     * @param actions, actors, objects empty for all
     */
    record Filter(@Nullable String organization, long from, long to, List<String> actions, List<String> actors,
            List<String> objects) {}

    /** Newest first, those made before {@code after}. */
    List<AuditEntry> list(Filter filter, @Nullable String after, int limit) {
        StringBuilder sql = new StringBuilder(
                "select * from audit_log where id < ? and created_at >= ? and created_at < ?");
        List<Object> arguments = new ArrayList<>(
                List.of(after == null ? PAST_ALL_IDS : after, filter.from(), filter.to()));
        if (filter.organization() != null) {
            sql.append(" and organization = ?");
            arguments.add(filter.organization());
        }
        in(sql, arguments, "action", filter.actions());
        in(sql, arguments, "actor_id", filter.actors());
        in(sql, arguments, "object", filter.objects());
        arguments.add(limit);
        return database.list(sql + " order by id desc limit ?", AuditStore::entry, arguments.toArray());
    }

    private static void in(StringBuilder sql, List<Object> arguments, String column, Collection<String> values) {
        if (!values.isEmpty()) {
            sql.append(" and ")
                .append(column)
                .append(" in (")
                .append(String.join(", ", Collections.nCopies(values.size(), "?")))
                .append(")");
            arguments.addAll(values);
        }
    }

    /** @return how many entries were older, and are gone */
    int deleteBefore(long time) {
        return database
            .transaction(
                    connection -> Database.execute(connection, "delete from audit_log where created_at < ?", time));
    }

    private static String word(Caller.Kind kind) {
        return kind.name().toLowerCase(Locale.ROOT);
    }

    private static String cut(String text) {
        return text.length() > LONGEST ? text.substring(0, LONGEST) : text;
    }

    private static AuditEntry entry(ResultSet row) throws SQLException {
        return new AuditEntry(row.getString("id"), row.getLong("created_at"), row.getString("organization"),
                Caller.Kind.valueOf(row.getString("actor_kind").toUpperCase(Locale.ROOT)), row.getString("actor_id"),
                row.getString("actor_name"), row.getString("action"), row.getString("object"),
                row.getString("outcome").equals("success"), row.getString("address"), row.getString("details"));
    }
}
