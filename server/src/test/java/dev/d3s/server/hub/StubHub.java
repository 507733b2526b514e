package dev.d3s.server.hub;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/**
 * A hub on this machine that speaks Hugging Face's protocol over real bytes: revisions, paged listings, small files behind a relative
 * redirection, large ones on a second host that wants no token. It can be told to fail. {@code server/src/interop/hub_snapshot.py} lets
 * huggingface_hub download from it, which shows that it is one; for that it runs by itself:
 *
 * <pre>java server/src/test/java/dev/d3s/server/hub/StubHub.java org/name directory [port]</pre>
 */
public final class StubHub implements AutoCloseable {
    private static final HexFormat HEX = HexFormat.of();

    private final HttpServer hub;
    private final HttpServer store;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<String, Repository> repositories = new ConcurrentHashMap<>();
    private final Map<String, Deque<Fault>> faults = new ConcurrentHashMap<>();
    private final List<Request> requests = new CopyOnWriteArrayList<>();
    private final CountDownLatch closed = new CountDownLatch(1);
    private volatile int pageSize = 1000;
    private volatile String token = "";
    private volatile Runnable signal = () -> {};

    /** What was asked. */
    public record Request(String host, String path, String query, String authorization, String range) {}

    /** Does an answer its own way; returns whether it was one. */
    @FunctionalInterface
    public interface Fault {
        boolean answer(HttpExchange exchange, byte[] content, int from) throws IOException;
    }

    private record Repository(String commit, Map<String, byte[]> files, boolean gated, Map<String, String> hashes) {
        byte[] content(String file) {
            return Objects.requireNonNull(files.get(file), file);
        }

        String hash(String file) {
            return Objects.requireNonNull(hashes.get(file), file);
        }
    }

    public StubHub() {
        this(0);
    }

    private StubHub(int port) {
        try {
            InetAddress local = InetAddress.getByAddress(new byte[]{127, 0, 0, 1});
            hub = HttpServer.create(new InetSocketAddress(local, port), 0);
            store = HttpServer.create(new InetSocketAddress(local, 0), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        hub.setExecutor(threads);
        store.setExecutor(threads);
        hub.createContext("/", exchange -> handle("hub", exchange));
        store.createContext("/", exchange -> handle("store", exchange));
        hub.start();
        store.start();
    }

    public static void main(String[] arguments) throws Exception {
        StubHub stub = new StubHub(arguments.length > 2 ? Integer.parseInt(arguments[2]) : 0);
        stub.pageSize(3);
        stub.add(arguments[0], Path.of(arguments[1]));
        System.out.println(stub.endpoint());
        Thread.currentThread().join();
    }

    public URI endpoint() {
        return URI.create("http://127.0.0.1:" + hub.getAddress().getPort());
    }

    /** Where the large files are. */
    public URI store() {
        return URI.create("http://127.0.0.1:" + store.getAddress().getPort());
    }

    public StubHub pageSize(int files) {
        pageSize = files;
        return this;
    }

    /** Only with this token is a gated repository open; any other is refused everywhere. */
    public StubHub token(String accepted) {
        token = accepted;
        return this;
    }

    /** What {@code GET /signal} does: for tests that see nothing of the stub but its address. */
    public StubHub onSignal(Runnable action) {
        signal = action;
        return this;
    }

    /** Puts the files of a directory into a repository; its commit follows from them. */
    public String add(String repository, Path directory) {
        Map<String, byte[]> files = new TreeMap<>();
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
                files.put(directory.relativize(path).toString(), Files.readAllBytes(path));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return add(repository, files);
    }

    public String add(String repository, Map<String, byte[]> files) {
        return put(repository, files, false);
    }

    public String addGated(String repository, Map<String, byte[]> files) {
        return put(repository, files, true);
    }

    private String put(String repository, Map<String, byte[]> files, boolean gated) {
        Map<String, String> hashes = new TreeMap<>();
        files.forEach((path, content) -> hashes.put(path, large(path) ? hash("SHA-256", content) : gitHash(content)));
        String commit = gitHash((repository + hashes).getBytes(StandardCharsets.UTF_8));
        repositories.put(repository, new Repository(commit, new TreeMap<>(files), gated, hashes));
        return commit;
    }

    /** Lets the next answers with the content of a file be these, one each; then it is well again. */
    public void fail(String file, Fault... next) {
        faults.computeIfAbsent(file, name -> new ArrayDeque<>()).addAll(List.of(next));
    }

    /** Everything that was asked, oldest first. */
    public List<Request> requests() {
        return List.copyOf(requests);
    }

    /** Requests for a file's content. */
    public List<Request> requests(String host, String file) {
        return requests.stream()
            .filter(request -> request.host().equals(host) && request.path().endsWith("/" + file))
            .toList();
    }

    /** The connection breaks after some of the bytes that it announced. */
    public static Fault dropAfter(int bytes) {
        return (exchange, content, from) -> {
            exchange.getResponseHeaders()
                .set("Content-Range", "bytes " + from + "-" + (content.length - 1) + "/"
                        + content.length);
            exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
            OutputStream out = exchange.getResponseBody();
            out.write(content, from, Math.min(bytes, content.length - from));
            out.flush();
            exchange.close(); // fewer than announced: the server resets the connection
            return true;
        };
    }

    public static Fault status(int status, String... headers) {
        return (exchange, content, from) -> {
            for (int index = 0; index < headers.length; index += 2) {
                exchange.getResponseHeaders().set(headers[index], headers[index + 1]);
            }
            exchange.sendResponseHeaders(status, -1);
            return true;
        };
    }

    /** Right in length, wrong in content. */
    public static Fault damaged() {
        return (exchange, content, from) -> {
            byte[] wrong = content.clone();
            wrong[wrong.length / 2] ^= 1;
            exchange.sendResponseHeaders(200, wrong.length);
            exchange.getResponseBody().write(wrong);
            return true;
        };
    }

    /** The whole file, whatever part was asked for. */
    public static Fault withoutRanges() {
        return (exchange, content, from) -> {
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content);
            return true;
        };
    }

    /** More than the listing says. */
    public static Fault tooLong() {
        return (exchange, content, from) -> {
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write(content, from, content.length - from);
            exchange.getResponseBody().write(new byte[100]);
            return true;
        };
    }

    public static Fault redirect(String location) {
        return status(302, "Location", location);
    }

    /** Nothing more after some bytes, for as long as the stub is open. */
    public Fault silentAfter(int bytes) {
        return (exchange, content, from) -> {
            exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
            exchange.getResponseBody().write(content, from, bytes);
            exchange.getResponseBody().flush();
            try {
                closed.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return true;
        };
    }

    /** Holds an answer back after some bytes until told. */
    public Fault heldAfter(int bytes, CountDownLatch reached, CountDownLatch release) {
        return (exchange, content, from) -> {
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content, 0, bytes);
            exchange.getResponseBody().flush();
            reached.countDown();
            try {
                release.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            exchange.getResponseBody().write(content, bytes, content.length - bytes);
            return true;
        };
    }

    // ---------------------------------------------------------------- the protocol

    private void handle(String host, HttpExchange exchange) throws IOException {
        try (exchange) {
            URI uri = exchange.getRequestURI();
            Headers headers = exchange.getRequestHeaders();
            String authorization = String.valueOf(headers.getFirst("Authorization"));
            requests.add(new Request(host, uri.getRawPath(), String.valueOf(uri.getRawQuery()), authorization,
                    String.valueOf(headers.getFirst("Range"))));
            if (host.equals("store")) {
                stored(exchange, authorization);
            } else if (!authorization.equals("null") && !authorization.equals("Bearer " + token)) {
                refuse(exchange, 401, "", "Invalid credentials in Authorization header");
            } else {
                String[] path = uri.getRawPath().substring(1).split("/");
                if (path[0].equals("signal")) {
                    signal.run();
                    json(exchange, "{}");
                    return;
                }
                for (int index = 0; index < path.length; index++) {
                    path[index] = URLDecoder.decode(path[index], StandardCharsets.UTF_8);
                }
                route(exchange, path, authorization);
            }
        } catch (IOException | RuntimeException e) {
            exchange.close();
        }
    }

    private Repository repository(String name) {
        return Objects.requireNonNull(repositories.get(name), name);
    }

    private void route(HttpExchange exchange, String[] path, String authorization) throws IOException {
        if (path[0].equals("api") && path[1].equals("resolve-cache")) {
            // api/resolve-cache/models/org/name/commit/file...
            Repository repository = repository(path[3] + "/" + path[4]);
            String file = joined(path, 6);
            identify(exchange, repository, file);
            content(exchange, file, repository.content(file));
            return;
        }
        boolean api = path[0].equals("api");
        int at = api ? 2 : 0;
        String name = path[at] + "/" + path[at + 1];
        Repository repository = repositories.get(name);
        boolean open = authorization.equals("Bearer " + token);
        if (repository == null) {
            // who shows no token is not told what there is
            refuse(exchange, open ? 404 : 401, "RepoNotFound",
                    open ? "Repository not found" : "Invalid username or password.");
            return;
        }
        String what = path.length > at + 2 ? path[at + 2] : "revision";
        String revision = path.length > at + 3 ? path[at + 3] : "main";
        if (!List.of("main", "refs/pr/1", "v1.0", repository.commit()).contains(revision)) {
            refuse(exchange, 404, "RevisionNotFound", "Invalid rev id: " + revision);
        } else if (api && what.equals("revision")) {
            json(exchange, "{\"_id\":\"1\",\"id\":\"" + name + "\",\"modelId\":\"" + name + "\",\"sha\":\""
                    + repository.commit() + "\",\"private\":false,\"disabled\":false,\"gated\":"
                    + (repository.gated() ? "\"auto\"" : "false") + ",\"downloads\":0,\"likes\":0,\"tags\":[],"
                    + "\"siblings\":[" + String.join(",",
                            repository.files()
                                .keySet()
                                .stream()
                                .map(file -> "{\"rfilename\":" + quoted(file) + "}")
                                .toList())
                    + "]}");
        } else if (repository.gated() && !open) {
            refuse(exchange, authorization.equals("null") ? 401 : 403, "GatedRepo",
                    "Access to model " + name + " is restricted.");
        } else if (api && what.equals("tree")) {
            tree(exchange, repository, name, revision);
        } else if (what.equals("resolve")) {
            resolve(exchange, repository, name, joined(path, 4));
        } else {
            refuse(exchange, 404, "", "Not found");
        }
    }

    private void tree(HttpExchange exchange, Repository repository, String name, String revision) throws IOException {
        List<String> entries = new ArrayList<>();
        String folder = "";
        for (Map.Entry<String, byte[]> file : repository.files().entrySet()) {
            String path = file.getKey();
            int slash = path.indexOf('/', 1);
            if (slash > 0 && path.matches("[a-z]+/.*") && !path.substring(0, slash).equals(folder)) {
                folder = path.substring(0, slash);
                entries.add("{\"type\":\"directory\",\"oid\":\"" + gitHash(folder.getBytes(StandardCharsets.UTF_8))
                        + "\",\"size\":0,\"path\":" + quoted(folder) + "}");
            }
            int size = file.getValue().length;
            String hash = repository.hash(path);
            entries.add(large(path)
                    ? "{\"type\":\"file\",\"oid\":\""
                            + gitHash(("version https://git-lfs.github.com/spec/v1\noid sha256:" + hash
                                    + "\nsize " + size + "\n")
                                .getBytes(StandardCharsets.UTF_8))
                            + "\",\"size\":" + size
                            + ",\"lfs\":{\"oid\":\"" + hash + "\",\"size\":" + size + ",\"pointerSize\":134},\"path\":"
                            + quoted(path) + "}"
                    : "{\"type\":\"file\",\"oid\":\"" + hash + "\",\"size\":" + size + ",\"path\":" + quoted(path)
                            + "}");
        }
        String query = String.valueOf(exchange.getRequestURI().getRawQuery());
        int from = query.contains("cursor=") ? Integer.parseInt(query.replaceAll(".*cursor=(\\d+).*", "$1")) : 0;
        int to = Math.min(entries.size(), from + pageSize);
        if (to < entries.size()) {
            exchange.getResponseHeaders()
                .set("Link", "<" + endpoint() + "/api/models/" + name + "/tree/" + revision
                        + "?recursive=true&expand=false&cursor=" + to + ">; rel=\"next\"");
        }
        json(exchange, "[" + String.join(",", entries.subList(from, to)) + "]");
    }

    private void resolve(HttpExchange exchange, Repository repository, String name, String file) throws IOException {
        if (!repository.files().containsKey(file)) {
            refuse(exchange, 404, "EntryNotFound", "Entry not found");
            return;
        }
        identify(exchange, repository, file);
        if (large(file)) {
            exchange.getResponseHeaders().set("X-Linked-Etag", "\"" + repository.hash(file) + "\"");
            exchange.getResponseHeaders().set("X-Linked-Size", String.valueOf(repository.content(file).length));
            exchange.getResponseHeaders()
                .set("Location", store() + "/repos/" + name + "/" + file + "?Expires=1&Signature=s");
            exchange.sendResponseHeaders(302, -1);
        } else {
            exchange.getResponseHeaders()
                .set("Location", "/api/resolve-cache/models/" + name + "/" + repository.commit() + "/" + file);
            exchange.sendResponseHeaders(307, -1);
        }
    }

    private static void identify(HttpExchange exchange, Repository repository, String file) {
        exchange.getResponseHeaders().set("X-Repo-Commit", repository.commit());
        exchange.getResponseHeaders().set("ETag", "\"" + repository.hash(file) + "\"");
    }

    private void stored(HttpExchange exchange, String authorization) throws IOException {
        String[] path = exchange.getRequestURI().getPath().substring(1).split("/");
        if (!authorization.equals("null")) {
            // a signed address and a token together are an error to such stores
            refuse(exchange, 400, "", "Only one auth mechanism allowed");
            return;
        }
        String file = joined(path, 3);
        exchange.getResponseHeaders().set("ETag", "\"of-the-store\"");
        content(exchange, file, repository(path[1] + "/" + path[2]).content(file));
    }

    private void content(HttpExchange exchange, String file, byte[] content) throws IOException {
        String range = exchange.getRequestHeaders().getFirst("Range");
        int from = range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-.*", "$1"));
        Headers headers = exchange.getResponseHeaders();
        headers.set("Accept-Ranges", "bytes");
        if (exchange.getRequestMethod().equals("HEAD")) {
            headers.set("Content-Length", String.valueOf(content.length));
            exchange.sendResponseHeaders(200, -1);
            return;
        }
        Fault fault;
        Deque<Fault> next = faults.getOrDefault(file, new ArrayDeque<>());
        synchronized (next) {
            fault = next.poll();
        }
        if (fault != null && fault.answer(exchange, content, from)) {
            return;
        }
        if (range != null && from >= content.length) {
            exchange.sendResponseHeaders(416, -1);
            return;
        }
        if (range != null) {
            headers.set("Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
        }
        int length = content.length - from;
        exchange.sendResponseHeaders(range != null ? 206 : 200, length == 0 ? -1 : length);
        exchange.getResponseBody().write(content, from, length);
    }

    private static void refuse(HttpExchange exchange, int status, String code, String message) throws IOException {
        if (!code.isEmpty()) {
            exchange.getResponseHeaders().set("X-Error-Code", code);
        }
        exchange.getResponseHeaders().set("X-Error-Message", message);
        byte[] body = ("{\"error\":" + quoted(message) + "}").getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        boolean head = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(status, head ? -1 : body.length);
        if (!head) {
            exchange.getResponseBody().write(body);
        }
    }

    private static void json(HttpExchange exchange, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json; charset=utf-8");
        exchange.sendResponseHeaders(200, bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    private static String joined(String[] path, int from) {
        return String.join("/", List.of(path).subList(from, path.length));
    }

    private static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    /** What git attributes of a model repository put into large file storage. */
    private static boolean large(String file) {
        return file.endsWith(".safetensors") || file.endsWith(".bin") || file.equals("tokenizer.json");
    }

    public static String gitHash(byte[] content) {
        byte[] head = ("blob " + content.length + "\0").getBytes(StandardCharsets.UTF_8);
        byte[] blob = new byte[head.length + content.length];
        System.arraycopy(head, 0, blob, 0, head.length);
        System.arraycopy(content, 0, blob, head.length, content.length);
        return hash("SHA-1", blob);
    }

    public static String hash(String algorithm, byte[] content) {
        try {
            return HEX.formatHex(MessageDigest.getInstance(algorithm).digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        closed.countDown();
        hub.stop(0);
        store.stop(0);
        threads.shutdownNow();
    }
}
