package dev.d3s.server.access;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.UnprocessableException;
import dev.d3s.server.store.Database;

/**
 * What was made for requests that name themselves with the header Idempotency-Key, so that sending one again makes nothing again.
 * The name is taken in the transaction that stores what is made; of requests that come at once, to whichever server, one makes it.
 * Thread-safe.
 */
@Singleton
public final class IdempotencyStore {
    /** How long a name stands for its request. */
    static final Duration KEPT = Duration.ofHours(24);

    private static final int LONGEST = 255;

    private final Database database;

    @Inject
    public IdempotencyStore(Database database) {
        this.database = database;
    }

    /**
     * A request that names itself.
     *
     * @param kind of what it makes
     * @param hash of its body
     */
    public record Request(String organization, String kind, String key, String hash) {
        /** @param key {@code null} for a request without a name, which is {@code null} */
        public static @Nullable Request of(Caller caller, String kind, @Nullable String key, JsonNode body) {
            return of(caller, kind, key, body::toString);
        }

        /** @param body what makes requests the same; asked for where there is a name */
        public static @Nullable Request of(Caller caller, String kind, @Nullable String key, Supplier<String> body) {
            if (key == null) {
                return null;
            }
            if (key.isBlank() || key.length() > LONGEST) {
                throw new InvalidRequestException("Idempotency-Key", "invalid_value",
                        "The header Idempotency-Key must have 1 to " + LONGEST + " characters, such as a UUID.");
            }
            return new Request(caller.organization(), kind, key, KeySecret.sha256(body.get()));
        }
    }

    /** Another request has taken the name meanwhile. */
    public static final class TakenException extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    /**
     * The id of what this request made before.
     *
     * @throws UnprocessableException when the name stood for another request
     */
    public Optional<String> made(@Nullable Request request) {
        if (request == null) {
            return Optional.empty();
        }
        record Made(String hash, String object) {}
        Optional<Made> made = database.one(
                "select body_hash, object from idempotency_key where organization = ? and kind = ? and idempotency_key = ? "
                        + "and created_at >= ?",
                row -> new Made(row.getString(1), row.getString(2)), request.organization(), request.kind(),
                request.key(), oldest());
        if (made.isPresent() && !made.get().hash().equals(request.hash())) {
            throw new UnprocessableException("idempotency_key_reused", "The header Idempotency-Key '" + request.key()
                    + "' was sent with another request in the last " + KEPT.toHours()
                    + " hours: give every request a key of its own, and send the same body when you repeat one.");
        }
        return made.map(Made::object);
    }

    /**
     * Takes the name, in the transaction that stores what is made.
     *
     * @throws TakenException which has to end the transaction, when another request was faster
     */
    public void take(Connection connection, @Nullable Request request, String object) throws SQLException {
        if (request == null) {
            return;
        }
        Database.execute(connection, "delete from idempotency_key where created_at < ?", oldest());
        if (Database.execute(connection,
                "insert into idempotency_key (organization, kind, idempotency_key, body_hash, object, created_at) "
                        + "values (?, ?, ?, ?, ?, ?) on conflict do nothing",
                request.organization(), request.kind(), request.key(), request.hash(), object,
                System.currentTimeMillis()) == 0) {
            throw new TakenException();
        }
    }

    /** Lets the name of something that is deleted be used again. */
    public void forget(Connection connection, String object) throws SQLException {
        Database.execute(connection, "delete from idempotency_key where object = ?", object);
    }

    private static long oldest() {
        return System.currentTimeMillis() - KEPT.toMillis();
    }
}
