package dev.d3s.server.registry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.access.AuditAction;
import dev.d3s.server.access.AuditStore;
import dev.d3s.server.access.Caller;
import dev.d3s.server.access.ForbiddenException;
import dev.d3s.server.config.ClusterSettings;
import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.event.EventFeed;
import dev.d3s.server.event.EventSignal;
import dev.d3s.server.event.Follower;
import dev.d3s.server.event.JobEvent;
import dev.d3s.server.hub.Hub;
import dev.d3s.server.hub.HubReference;
import dev.d3s.server.registry.ModelCatalog.Model;
import dev.d3s.server.registry.RegisteredModel.Kind;
import dev.d3s.server.registry.RegisteredModel.Status;
import dev.d3s.server.request.ConflictException;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.request.Page;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.DurableFiles;
import dev.d3s.server.store.Identifiers;
import dev.d3s.server.store.IoFailures;
import dev.d3s.spi.D3sException;

/**
 * Registers models: directories that are there, and repositories of a hub, which are downloaded. Thread-safe; {@link #start} and
 * {@link #close} belong to whoever made it.
 */
@Singleton
public class ModelRegistry implements AutoCloseable {
    private static final Set<String> MEMBERS = new TreeSet<>(Set.of("id", "model", "path", "shared"));
    private static final Pattern ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,95}");

    private final ModelStore store;
    private final AuditStore audit;
    private final Identifiers identifiers;
    private final ModelCatalog catalog;
    private final ModelChecks checks;
    private final ModelPaths paths;
    private final ModelRelease release;
    private final ModelDownloads downloads;
    private final EventSignal signal = new EventSignal();
    private final EventFeed feed;
    /** One change at a time on this server; between servers, the database sees to it that a name belongs to one model. */
    private final ReentrantLock lock = new ReentrantLock();

    @Inject
    ModelRegistry(Database database, ModelStore store, AuditStore audit, Identifiers identifiers,
            ServerSettings settings, ClusterSettings cluster, ModelCatalog catalog, ModelChecks checks, Hub hub,
            ModelRelease release) {
        this.store = store;
        this.audit = audit;
        this.identifiers = identifiers;
        this.catalog = catalog;
        this.checks = checks;
        this.release = release;
        this.paths = new ModelPaths(settings);
        this.downloads = new ModelDownloads(database, store, signal, checks, hub, cluster);
        this.feed = new EventFeed(store.events(), signal, settings.heartbeat());
    }

    /** Begins to download; first what a former process left. */
    public void start() {
        downloads.start();
        feed.start();
    }

    /** Interrupts downloads and ends live event streams. */
    @Override
    public void close() {
        downloads.close();
        feed.close();
    }

    /**
     * Registers a model.
     *
     * @param request as in {@code POST /v1/models}: {@code {"path": ...}} or {@code {"model": "hf://..."}}, and perhaps an
     *            {@code id}. It belongs to the caller's organization, unless an admin says {@code "shared": true}; what somebody
     *            registers where there are no organizations yet is everybody's
     * @return the model: of a directory, ready; of a hub, perhaps downloading. What is registered already is returned as it is,
     *         and a failed download begins again
     * @throws InvalidRequestException with every mistake; of a directory, everything that is wrong with its files
     * @throws ConflictException when another model has the id
     * @throws ForbiddenException when only admins may do this
     */
    public Model register(Caller caller, JsonNode request) {
        List<Mistake> mistakes = new ArrayList<>();
        if (!request.isObject()) {
            throw new InvalidRequestException(List.of(new Mistake(null, "invalid_type",
                    "The request must be a JSON object with 'path' or 'model'.")));
        }
        request.fieldNames().forEachRemaining(name -> {
            if (!MEMBERS.contains(name)) {
                mistakes.add(new Mistake(name, "unknown_parameter",
                        "'" + name + "' is not known here; known: " + String.join(", ", MEMBERS) + "."));
            }
        });
        String id = text(request, "id", mistakes);
        String path = text(request, "path", mistakes);
        String model = text(request, "model", mistakes);
        boolean shared = shared(caller, request, mistakes);
        if (id != null && (!ID.matcher(id).matches() || id.contains(".."))) {
            mistakes.add(new Mistake("id", "invalid_value", "'id' is '" + id
                    + "' but must begin with a letter or digit and have up to 96 letters, digits, '-', '_' or '.'."));
        }
        if (path != null && model != null) {
            mistakes.add(new Mistake("model", "invalid_value",
                    "Give 'path' for a directory of this machine or 'model' for a download, not both."));
        } else if (path == null && model == null && mistakes.isEmpty()) {
            mistakes.add(new Mistake("model", "missing_required_parameter",
                    "Give 'model', such as hf://org/name or hf://org/name@revision, for a download, or 'path' for a "
                            + "directory of this machine."));
        }
        HubReference reference = null;
        if (model != null) {
            try {
                reference = HubReference.parse(model);
            } catch (D3sException e) {
                mistakes.add(new Mistake("model", "invalid_value", e.text()));
            }
        }
        if (!mistakes.isEmpty()) {
            throw new InvalidRequestException(mistakes);
        }
        if (shared) {
            caller.requireAdmin("register models for everybody ('shared')");
        }
        if (path != null) {
            caller.requireAdmin("register directories of the server's machine ('path')");
        }
        Caller within = caller.within();
        String owner = shared ? null : caller.organization();
        lock.lock();
        try {
            return reference != null
                    ? download(within, owner, reference, id)
                    : link(within, owner, String.valueOf(path), id);
        } finally {
            lock.unlock();
        }
    }

    private Model link(Caller caller, @Nullable String owner, String path, @Nullable String id) {
        Path directory = paths.directory(path);
        String name = id == null ? String.valueOf(directory.getFileName()) : id;
        if (!ID.matcher(name).matches()) {
            throw new InvalidRequestException("id", "missing_required_parameter", "The directory's name '" + name
                    + "' cannot be a model's id: give an 'id' of letters, digits, '-', '_' or '.'.");
        }
        List<String> problems = checks.problems(directory);
        if (!problems.isEmpty()) {
            throw new InvalidRequestException(problems.stream()
                .map(problem -> new Mistake("path", "invalid_model", problem))
                .toList());
        }
        Optional<Model> present = catalog.any(caller, name);
        if (present.isPresent()) {
            if (same(present.get().directory(), directory)) {
                return present.get();
            }
            throw taken(name);
        }
        if (!store.insert(
                new RegisteredModel(identifiers.next("model"), owner, name, System.currentTimeMillis(),
                        Kind.LINKED, null, null, directory, Status.READY, 0, null, null),
                "The model is ready: " + directory + ".", registered(caller, name, String.valueOf(directory)))) {
            return link(caller, owner, path, id); // there is one of that name now
        }
        return catalog.any(caller, name).orElseThrow();
    }

    private Database.Change registered(Caller caller, String name, String source) {
        return connection -> audit.append(connection, caller, AuditAction.MODEL_REGISTERED, name,
                details -> details.put("source", source));
    }

    private Model download(Caller caller, @Nullable String owner, HubReference reference, @Nullable String id) {
        String name = id == null ? reference.name() : id;
        Optional<Model> present = catalog.any(caller, name);
        if (present.isPresent()) {
            RegisteredModel registered = present.get().registered();
            if (registered == null || !reference.toString().equals(registered.source())) {
                throw taken(name);
            }
            if (registered.status() == Status.FAILED) {
                store.restarted(registered.key(), "The download begins again.");
                signal.raise();
                downloads.wake();
            }
            return catalog.any(caller, name).orElseThrow();
        }
        Path directory = catalog.downloadDirectory(owner, name);
        if (Files.exists(directory)) {
            throw new ConflictException("model_exists",
                    directory + " is there already, and is no model: remove it, or give "
                            + "another 'id'.");
        }
        RegisteredModel model = new RegisteredModel(identifiers.next("model"), owner, name,
                System.currentTimeMillis(),
                Kind.HUB, reference.toString(), null, directory, Status.DOWNLOADING, 0, null, null);
        if (!store.insert(model, "The model is downloaded from " + reference + ".",
                registered(caller, name, reference.toString()))) {
            return download(caller, owner, reference, id); // there is one of that name now
        }
        downloads.wake();
        return catalog.any(caller, name).orElseThrow();
    }

    /**
     * Forgets a registered model: a download is ended and its files are deleted, a directory that was there stays where it is.
     * Any other model is deleted as {@link ModelCatalog#delete} does. Completions that are being made go on to their end.
     */
    public void delete(Caller caller, String id) {
        lock.lock();
        try {
            Model model = catalog.model(caller, id);
            RegisteredModel registered = model.registered();
            if (registered == null) {
                catalog.delete(caller, id);
                audit.appendAfter(caller, AuditAction.MODEL_DELETED, id);
                release.release(model.directory());
                return;
            }
            if (registered.organization() == null) {
                caller.requireAdmin("delete models that are everybody's");
            }
            catalog.refuseWhileNeeded(model);
            downloads.cancel(registered.key());
            // it may have become ready meanwhile
            boolean ready = store.model(registered.key())
                .filter(now -> now.status() == Status.READY)
                .isPresent();
            store.delete(registered.key(),
                    connection -> audit.append(connection, caller, AuditAction.MODEL_DELETED, id, null));
            signal.raise();
            release.release(model.directory());
            if (registered.kind() == Kind.HUB) {
                ModelDownload.deleteUnfinished(registered);
                if (ready) {
                    DurableFiles.deleteTree(registered.directory());
                }
            }
        } catch (IOException e) {
            throw IoFailures.exception("deleting the files of the model '" + id + "', which is no longer listed", e);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Newest first; of a model that nobody registered, none.
     *
     * @param after an event's id: those older than it
     */
    public Page<JobEvent> events(Caller caller, String id, @Nullable String after, int limit) {
        RegisteredModel model = catalog.model(caller, id).registered();
        return model == null ? new Page<>(List.of(), false) : feed.page(model.key(), after, limit);
    }

    /**
     * Hands over the events of a model, oldest first, and goes on until it is ready, has failed or is gone. Blocks; meant for a
     * virtual thread.
     *
     * @param lastEventId where an earlier stream ended; {@code null} for all events
     */
    public void follow(Caller caller, String id, @Nullable String lastEventId, Follower follower)
            throws InterruptedException {
        RegisteredModel model = catalog.model(caller, id).registered();
        if (model != null) {
            feed.follow(model.key(), lastEventId, () -> store.model(model.key())
                .filter(now -> now.status() == Status.DOWNLOADING)
                .isEmpty(), follower);
        }
    }

    private static boolean shared(Caller caller, JsonNode request, List<Mistake> mistakes) {
        JsonNode node = request.path("shared");
        if (!node.isMissingNode() && !node.isNull() && !node.isBoolean()) {
            mistakes.add(new Mistake("shared", "invalid_type", "'shared' is " + node + " but must be true or false."));
        }
        return node.isBoolean() ? node.booleanValue() : caller.kind() == Caller.Kind.ANONYMOUS;
    }

    private static boolean same(Path one, Path other) {
        try {
            return Files.isSameFile(one, other);
        } catch (IOException e) {
            return false;
        }
    }

    private static ConflictException taken(String name) {
        return new ConflictException("model_exists", "There is another model '" + name
                + "': give an 'id' that is free, or delete that model first.");
    }

    private static @Nullable String text(JsonNode request, String member, List<Mistake> mistakes) {
        JsonNode node = request.path(member);
        if (node.isMissingNode() || node.isNull()) {
            return null;
        }
        if (!node.isTextual() || node.textValue().isBlank()) {
            mistakes.add(new Mistake(member, "invalid_type", "'" + member + "' is " + node + " but must be text."));
            return null;
        }
        return node.textValue().strip();
    }

    /** How many follow events at this moment. */
    public int followers() {
        return feed.followers();
    }
}
