package dev.d3s.server.hub;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.hub.HubConnection.Answer;

/**
 * A hub of models: finds out what a reference stands for and begins downloads. Everything blocks; meant for virtual threads.
 * Thread-safe; whoever made it closes it, which ends what is under way.
 */
public final class Hub implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** A page of a listing has at most 1000 files. */
    private static final int LARGEST_ANSWER = 16 << 20;
    private static final int MOST_PAGES = 1000;
    private static final Pattern NEXT = Pattern.compile("<([^>]*)>\\s*;[^,]*rel=\"?next\"?");
    private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}|[0-9a-f]{64}");

    private final HubSettings settings;
    private final HubConnection connection;
    private final Patience.Sleeper sleeper;
    private final ToLongFunction<Path> freeSpace;

    /** @throws IllegalArgumentException when a setting is impossible, without repeating the token */
    public Hub(HubSettings settings) {
        this(settings, Thread::sleep, Hub::usableSpace);
    }

    Hub(HubSettings settings, Patience.Sleeper sleeper, ToLongFunction<Path> freeSpace) {
        URI endpoint = settings.endpoint();
        String scheme = String.valueOf(endpoint.getScheme());
        if (!(scheme.equals("https") || scheme.equals("http")) || endpoint.getHost() == null
                || endpoint.getRawQuery() != null || endpoint.getRawFragment() != null
                || endpoint.getUserInfo() != null) {
            throw new IllegalArgumentException(
                    "d3s.hub.endpoint is " + endpoint + " but must be an address such as https://huggingface.co.");
        }
        this.settings = settings;
        this.connection = new HubConnection(settings);
        this.sleeper = sleeper;
        this.freeSpace = freeSpace;
    }

    /** Where it is. */
    public URI endpoint() {
        return settings.endpoint();
    }

    /**
     * A download of the files that the server needs of a model.
     *
     * @param commit that an earlier attempt found out, so that all files are of one; {@code null} to find out
     * @param directory for the files, created when absent; what an earlier attempt left there is gone on with
     * @param check looks at the directory once all but the weights are there, and throws when they are not worth downloading
     */
    public HubDownload download(HubReference reference, @Nullable String commit, Path directory,
            HubDownload.Check check,
            HubDownload.Listener listener) {
        return new HubDownload(this, reference, commit, directory, check, listener);
    }

    HubSettings settings() {
        return settings;
    }

    HubConnection connection() {
        return connection;
    }

    Patience patience() {
        return new Patience(settings, sleeper);
    }

    long freeSpace(Path directory) {
        return freeSpace.applyAsLong(directory);
    }

    /** The commit that a revision is at now. */
    String commit(HubReference reference) throws InterruptedException {
        Page page = page(reference, URI.create(settings.endpoint() + "/api/models/" + reference.repository()
                + "/revision/" + encoded(reference.revision())));
        String commit = page.content().path("sha").asText();
        if (!COMMIT.matcher(commit).matches()) {
            throw HubFailures.broken(reference, "does not say which commit the revision is at");
        }
        return commit;
    }

    /** Every file of a commit. */
    List<HubFile> files(HubReference reference, String commit) throws InterruptedException {
        String base = settings.endpoint() + "/api/models/" + reference.repository() + "/tree/" + commit + "?";
        String query = "recursive=true&expand=false";
        Set<String> seen = new HashSet<>();
        List<HubFile> files = new ArrayList<>();
        while (query != null) {
            if (!seen.add(query) || seen.size() > MOST_PAGES) {
                throw HubFailures.broken(reference, "lists its files without end");
            }
            Page page = page(reference, URI.create(base + query));
            for (JsonNode entry : page.content()) {
                HubFile file = HubFile.of(entry, reference);
                if (file != null) {
                    files.add(file);
                }
            }
            query = page.nextQuery();
        }
        return files;
    }

    /** Where a file's content is. */
    URI content(HubReference reference, String commit, HubFile file) {
        StringBuilder path = new StringBuilder();
        for (String segment : file.path().split("/")) {
            path.append('/').append(encoded(segment));
        }
        return URI.create(settings.endpoint() + "/" + reference.repository() + "/resolve/" + commit + path);
    }

    /** @param nextQuery the query of the page after it; the rest of the address is ours, whatever the hub says */
    private record Page(JsonNode content, @Nullable String nextQuery) {}

    private Page page(HubReference reference, URI uri) throws InterruptedException {
        Patience patience = patience();
        while (true) {
            try (Answer answer = connection.get(uri, 0)) {
                if (answer.status() != 200) {
                    throw HubFailures.answered(reference, settings.endpoint(), settings.token() != null, null, answer);
                }
                byte[] body;
                try (IdleWatch watch = new IdleWatch(answer.body(), settings.idle())) {
                    body = watch.readAtMost(LARGEST_ANSWER);
                }
                Matcher next = NEXT.matcher(String.valueOf(answer.header("Link")));
                return new Page(JSON.readTree(body), next.find() ? URI.create(next.group(1)).getRawQuery() : null);
            } catch (JsonProcessingException | IllegalArgumentException e) {
                throw HubFailures.broken(reference, "is not JSON; is d3s.hub.endpoint a hub?");
            } catch (IOException e) {
                Transfers.stopIfInterrupted();
                if (!patience.next(e)) {
                    throw HubFailures.unreachable(reference, settings.endpoint(), patience.failures(), e);
                }
            }
        }
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static long usableSpace(Path directory) {
        try {
            return Files.getFileStore(directory).getUsableSpace();
        } catch (IOException e) {
            return Long.MAX_VALUE; // a disk that does not say is found out by writing
        }
    }

    @Override
    public void close() {
        connection.close();
    }
}
