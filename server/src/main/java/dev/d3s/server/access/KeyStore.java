package dev.d3s.server.access;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import dev.d3s.server.store.Database;

/** The rows of API keys. None is ever deleted, so that the audit log's ids stay explained. Thread-safe. */
@Singleton
final class KeyStore {
    private final Database database;
    private final AuditStore audit;

    @Inject
    KeyStore(Database database, AuditStore audit) {
        this.database = database;
        this.audit = audit;
    }

    /** A key with the hash that its secret must have. */
    record Stored(ApiKey key, String hash) {}

    void insert(Caller maker, ApiKey key, String hash) {
        database.change(connection -> {
            Database.execute(connection,
                    "insert into api_key (id, organization, name, role, scopes, prefix, hash, created_at, expires_at) "
                            + "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    key.id(), key.organization(), key.name(), key.role().key(), words(key), key.prefix(), hash,
                    key.createdAt(), key.expiresAt());
            audit.append(connection, maker, AuditAction.API_KEY_CREATED, key.id(),
                    details -> details.put("name", key.name()).put("role", key.role().key()).put("scopes", words(key)));
        });
    }

    boolean any() {
        return !database.list("select 1 from api_key limit 1", row -> row.getInt(1)).isEmpty();
    }

    Optional<Stored> byPrefix(String prefix) {
        return database.one("select * from api_key where prefix = ?",
                row -> new Stored(key(row), row.getString("hash")), prefix);
    }

    Optional<ApiKey> key(String id) {
        return database.one("select * from api_key where id = ?", KeyStore::key, id);
    }

    /** @param organization only those; {@code null} for all */
    List<ApiKey> list(@Nullable String organization) {
        return organization == null
                ? database.list("select * from api_key order by organization, id", KeyStore::key)
                : database.list("select * from api_key where organization = ? order by id", KeyStore::key,
                        organization);
    }

    /** @return whether it was valid until now */
    boolean revoke(Caller revoker, String id) {
        return database.transaction(connection -> {
            boolean revoked = Database.execute(connection,
                    "update api_key set revoked_at = ? where id = ? and revoked_at is null",
                    System.currentTimeMillis(), id) > 0;
            if (revoked) {
                audit.append(connection, revoker, AuditAction.API_KEY_DELETED, id, null);
            }
            return revoked;
        });
    }

    /** @param before written only where the last use is older than this, or none */
    void used(String id, long now, long before) {
        database.change(connection -> Database.execute(connection,
                "update api_key set last_used_at = ? where id = ? and (last_used_at is null or last_used_at < ?)", now,
                id, before));
    }

    private static String words(ApiKey key) {
        return key.scopes().stream().map(Scope::key).sorted().collect(Collectors.joining(" "));
    }

    private static ApiKey key(ResultSet row) throws SQLException {
        String scopes = row.getString("scopes");
        return new ApiKey(row.getString("id"), row.getString("organization"), row.getString("name"),
                Role.valueOf(row.getString("role").toUpperCase(Locale.ROOT)),
                Scope.parse(scopes.isEmpty() ? List.of() : Arrays.asList(scopes.split(" "))), row.getString("prefix"),
                row.getLong("created_at"), Database.nullableLong(row, "expires_at"),
                Database.nullableLong(row, "revoked_at"), Database.nullableLong(row, "last_used_at"));
    }
}
