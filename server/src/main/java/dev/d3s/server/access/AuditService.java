package dev.d3s.server.access;

import java.time.Duration;
import java.util.List;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.AccessSettings;
import dev.d3s.server.request.Page;
import dev.d3s.spi.D3sException;

/**
 * Reads the audit log, and forgets what is older than it is kept, once a day on a virtual thread. Thread-safe;
 * started and closed with the server.
 */
@Singleton
public class AuditService implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(AuditService.class);
    private static final Duration BETWEEN_CLEANINGS = Duration.ofDays(1);

    private final AuditStore audit;
    private final AccessSettings settings;
    private @Nullable Thread cleaner;

    @Inject
    AuditService(AuditStore audit, AccessSettings settings) {
        this.audit = audit;
        this.settings = settings;
    }

    public void start() {
        cleaner = Thread.ofVirtual().name("d3s-audit").start(() -> {
            try {
                while (true) {
                    clean(System.currentTimeMillis());
                    Thread.sleep(BETWEEN_CLEANINGS);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt(); // the server stops
            }
        });
    }

    @Override
    public void close() {
        if (cleaner != null) {
            cleaner.interrupt();
        }
    }

    /** Forgets what is older than it is kept. */
    void clean(long now) {
        try {
            int forgotten = audit.deleteBefore(now - settings.auditRetention().toMillis());
            if (forgotten > 0) {
                LOG.infof("%d entries of the audit log were older than d3s.audit.retention and are gone.", forgotten);
            }
        } catch (D3sException e) {
            LOG.warnf("Old entries of the audit log could not be deleted; the next try is in a day: %s", e.text());
        }
    }

    /**
     * What a list is narrowed to.
     *
     * @param from milliseconds, inclusive
     * @param to milliseconds, exclusive
     * @param actions, actors, objects empty for all
     */
    public record Filter(long from, long to, List<String> actions, List<String> actors, List<String> objects) {
        /** Everything. */
        public static final Filter NONE = new Filter(0, Long.MAX_VALUE, List.of(), List.of(), List.of());
    }

    /**
     * What was done for the caller's organization, newest first.
     *
     * @param after an entry's id: those older than it
     */
    public Page<AuditEntry> list(Caller caller, Filter filter, @Nullable String after, int limit) {
        caller.requireAdmin("read the audit log");
        return Page.of(audit.list(new AuditStore.Filter(caller.only(), filter.from(), filter.to(),
                filter.actions(), filter.actors(), filter.objects()), after, limit + 1), limit);
    }

    /** Writes down that a caller was refused. */
    public void denied(Caller caller, String object, String why) {
        audit.denied(caller, object, why);
    }
}
