package dev.d3s.server.access;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import javax.sql.DataSource;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.AccessSettings;
import dev.d3s.server.config.Listening;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Identifiers;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** Makes, lists, revokes and verifies API keys. Thread-safe. */
@Singleton
public class KeyService {
    private static final Logger LOG = Logger.getLogger(KeyService.class);
    private static final Duration BETWEEN_USES = Duration.ofMinutes(1);
    private static final int LONGEST_NAME = 128;

    private final KeyStore keys;
    private final Identifiers identifiers;
    private final AccessSettings settings;
    private final Listening listening;
    private volatile boolean seen;

    @Inject
    KeyService(KeyStore keys, Identifiers identifiers, AccessSettings settings, Listening listening) {
        this.keys = keys;
        this.identifiers = identifiers;
        this.settings = settings;
        this.listening = listening;
    }

    /** For the command line: makes, lists and revokes, beside a server that may be running. */
    public static KeyService of(DataSource source) {
        Database database = new Database(source);
        Identifiers identifiers = new Identifiers();
        return new KeyService(new KeyStore(database, new AuditStore(database, identifiers)), identifiers,
                new AccessSettings(false, "organization", "d3s-admin", Duration.ofDays(1)),
                new Listening("127.0.0.1", false));
    }

    /**
     * Says who will be let in.
     *
     * @throws D3sException when that would be everybody, from everywhere, and nobody said that this is meant
     */
    public void start() {
        if (any() || listening.identityProvider()) {
            LOG.infof("Callers need %s.",
                    listening.identityProvider() ? "an API key, or a token of the identity provider" : "an API key");
        } else if (settings.anonymous()) {
            LOG.warnf(
                    "There is no API key, and d3s.access.anonymous is true: everybody who reaches %s is let in as an admin.",
                    listening.host());
        } else if (listening.loopbackOnly()) {
            LOG.infof(
                    "There is no API key: the server listens on %s only, and lets everybody on this machine in as an admin."
                            + " Make a key with ./d3s keys create.",
                    listening.host());
        } else {
            throw new D3sException(ErrorCategory.USER, "no_api_key", "quarkus.http.host is " + listening.host()
                    + ", where other machines reach the server, but there is no API key and no identity provider, so everybody"
                    + " would be an admin. Make a key first: ./d3s keys create --organization lab-a --name alice --role admin."
                    + " Or configure quarkus.oidc.auth-server-url, or listen on 127.0.0.1, or, where something else keeps"
                    + " people out, say d3s.access.anonymous=true.");
        }
    }

    /**
     * Whoever asks without a key or token.
     *
     * @param local whether the request comes from this machine, and for this machine
     * @throws UnauthorizedException when that is not enough
     */
    public Caller anonymous(String organization, @Nullable String address, boolean local) {
        if (any() || listening.identityProvider()) {
            throw UnauthorizedException.key("The request has no API key: send the header Authorization: Bearer "
                    + KeySecret.BEGINNING + "..., which ./d3s keys create makes.");
        }
        if (!local && !settings.anonymous()) {
            throw UnauthorizedException
                .key("There is no API key yet, so the server answers requests of its own machine only,"
                        + " made to localhost or 127.0.0.1: make a key with ./d3s keys create.");
        }
        return Caller.anonymous(organization, address);
    }

    /** A key that was just made: its secret is nowhere else. */
    public record NewKey(ApiKey key, KeySecret secret) {}

    /**
     * Makes a key.
     *
     * @param expires after this long; {@code null} for never
     * @throws InvalidRequestException with every mistake
     */
    public NewKey create(Caller maker, String organization, String name, Role role, Set<Scope> scopes,
            @Nullable Duration expires) {
        KeySecret secret = KeySecret.random();
        return new NewKey(insert(maker, organization, name, role, scopes, expires, secret), secret);
    }

    /**
     * Stores a key whose secret is held elsewhere. One that is stored already stays as it is, also when it is revoked.
     *
     * @param expires after this long; {@code null} for never
     * @return the key as it is stored
     * @throws InvalidRequestException with every mistake, or when it is stored as something else
     */
    public ApiKey provide(Caller maker, String organization, String name, Role role, Set<Scope> scopes,
            @Nullable Duration expires, KeySecret secret) {
        if (keys.byPrefix(secret.prefix()).isEmpty()) {
            try {
                return insert(maker, organization, name, role, scopes, expires, secret);
            } catch (D3sException e) {
                if (keys.byPrefix(secret.prefix()).isEmpty()) {
                    throw e;
                } // somebody else was storing it, too
            }
        }
        KeyStore.Stored stored = keys.byPrefix(secret.prefix()).orElseThrow();
        ApiKey key = stored.key();
        if (!secret.hasHash(stored.hash())) {
            throw new InvalidRequestException(List.of(new Mistake("key", "invalid_value",
                    "Another key begins with " + KeySecret.BEGINNING + key.prefix() + ": make this one anew.")));
        }
        if (!key.organization().equals(organization) || key.role() != role || !key.scopes().equals(scopes)) {
            throw new InvalidRequestException(List.of(new Mistake("key", "invalid_value", "The key " + secret
                    + " is stored already, as '" + key.name() + "' of " + key.organization() + " (" + key.role().key()
                    + ") with other rights than these: give them to a new key, and revoke " + key.id() + ".")));
        }
        return key;
    }

    /** @throws InvalidRequestException with every mistake */
    private ApiKey insert(Caller maker, String organization, String name, Role role, Set<Scope> scopes,
            @Nullable Duration expires, KeySecret secret) {
        List<Mistake> mistakes = new ArrayList<>();
        if (!Organizations.allowed(organization)) {
            mistakes.add(new Mistake("organization", "invalid_value",
                    "The organization is '" + organization + "' but must " + Organizations.RULE + "."));
        }
        if (name.isBlank() || name.length() > LONGEST_NAME || name.chars().anyMatch(Character::isISOControl)) {
            mistakes.add(new Mistake("name", "invalid_value",
                    "The name must have 1 to " + LONGEST_NAME + " characters: whom or what the key is for."));
        }
        if (scopes.isEmpty()) {
            mistakes.add(new Mistake("scope", "invalid_value", "A key without any scope is good for nothing."));
        }
        if (expires != null && (!expires.isPositive() || expires.toDays() > 36_500)) {
            mistakes.add(new Mistake("expires", "invalid_value",
                    "The time until it expires is " + expires + " but must be longer than nothing, such as P90D."));
        }
        if (!mistakes.isEmpty()) {
            throw new InvalidRequestException(mistakes);
        }
        long now = System.currentTimeMillis();
        ApiKey key = new ApiKey(identifiers.next("key"), organization, name, role, scopes, secret.prefix(), now,
                expires == null ? null : now + expires.toMillis(), null, null);
        keys.insert(maker, key, secret.hash());
        return key;
    }

    /** @param organization only those; {@code null} for all */
    public List<ApiKey> list(@Nullable String organization) {
        return keys.list(organization);
    }

    /** @return whether it was valid until now */
    public boolean revoke(Caller revoker, String id) {
        ApiKey key = keys.key(id).orElseThrow(() -> new NotFoundException("key", id));
        return keys.revoke(new Caller(key.organization(), false, revoker.kind(), revoker.id(), revoker.name(),
                revoker.role(), revoker.scopes(), revoker.address()), key.id());
    }

    /** Whether there has ever been a key: from then on nobody is let in without one. */
    public boolean any() {
        if (!seen) {
            seen = keys.any();
        }
        return seen;
    }

    /**
     * Who sends a key.
     *
     * @throws UnauthorizedException when it is none that is valid
     */
    public Caller caller(String text, @Nullable String address) {
        KeySecret secret = KeySecret.parse(text)
            .orElseThrow(() -> UnauthorizedException.key("The API key is not one of this server: keys look like "
                    + KeySecret.BEGINNING + "... and are made with ./d3s keys create."));
        KeyStore.Stored stored = keys.byPrefix(secret.prefix())
            .filter(found -> secret.hasHash(found.hash()))
            .orElseThrow(() -> UnauthorizedException.key("The API key " + secret + " is not known to this server."));
        ApiKey key = stored.key();
        long now = System.currentTimeMillis();
        if (key.revokedAt() != null) {
            throw UnauthorizedException.key("The API key " + secret + " was revoked.");
        }
        if (key.expiresAt() != null && key.expiresAt() <= now) {
            throw UnauthorizedException.key("The API key " + secret + " has expired.");
        }
        long before = now - BETWEEN_USES.toMillis();
        if (key.lastUsedAt() == null || key.lastUsedAt() < before) {
            try {
                keys.used(key.id(), now, before);
            } catch (D3sException e) { // a full disk keeps nobody out
                LOG.warnf("When the key %s was used last could not be stored: %s", key.id(), e.text());
            }
        }
        return key.caller(address);
    }
}
