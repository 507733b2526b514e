package dev.d3s.server.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.config.AccessSettings;
import dev.d3s.server.config.Listening;
import dev.d3s.server.file.UploadedFile;
import dev.d3s.server.job.TestServer;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.request.UnprocessableException;
import dev.d3s.server.store.Database;
import dev.d3s.server.store.Identifiers;
import dev.d3s.spi.D3sException;

/** Keys, who is let in, the audit log and requests that come again, over a real database. */
class KeyServiceTest {
    private static final AccessSettings USUAL = new AccessSettings(false, "organization", "d3s-admin",
            Duration.ofDays(365));
    private static final Listening LOCAL = new Listening("127.0.0.1", false);
    private static final Listening OPEN = new Listening("0.0.0.0", false);

    private final Path home;
    private final TestServer server;
    private final KeyService keys;

    KeyServiceTest(@TempDir Path home) {
        this.home = home;
        TestServer.baseModel(home, "base");
        server = new TestServer(home); // never started: nobody runs the jobs
        keys = listening(LOCAL, false);
    }

    @AfterEach
    void close() {
        server.close();
    }

    private KeyService.NewKey key(Set<Scope> scopes, @Nullable Duration expires) {
        return keys.create(TestServer.CALLER, "lab-a", "alice", Role.USER, scopes, expires);
    }

    private KeyService listening(Listening listening, boolean anonymous) {
        return new KeyService(new KeyStore(server.database, server.audit), new Identifiers(),
                new AccessSettings(anonymous, "organization", "d3s-admin", Duration.ofDays(1)), listening);
    }

    // ---------------------------------------------------------------- keys

    @Test
    void shouldKnowACallerByItsKeyAndStoreNoSecret() {
        KeyService.NewKey made = key(Scope.parse(List.of("read", "completions")), null);

        assertThat(made.secret().text()).matches("d3s-[0-9a-f]{10}-[0-9a-f]{64}");
        assertThat(made.secret().toString()).isEqualTo("d3s-" + made.secret().prefix() + "-...");
        assertThat(keys.caller(made.secret().text(), "10.0.0.7")).isEqualTo(new Caller("lab-a", false, Caller.Kind.KEY,
                made.key().id(), "alice", Role.USER,
                Set.of(Scope.FILES_READ, Scope.JOBS_READ, Scope.MODELS_READ, Scope.COMPLETIONS), "10.0.0.7"));
        String secret = made.secret().text().substring(made.secret().text().lastIndexOf('-') + 1);
        assertThat(server.database.list("select * from api_key", row -> {
            StringBuilder all = new StringBuilder();
            for (int column = 1; column <= row.getMetaData().getColumnCount(); column++) {
                all.append(row.getString(column)).append(' ');
            }
            return all.toString();
        })).singleElement().asString().doesNotContain(secret).contains(KeySecret.sha256(made.secret().text()));
    }

    @Test
    void shouldRefuseKeysThatAreNotValid() {
        KeyService.NewKey revoked = key(Scope.all(), null);
        KeyService.NewKey expired = key(Scope.all(), Duration.ofMillis(1));
        String text = revoked.secret().text();
        assertThat(keys.revoke(TestServer.CALLER, revoked.key().id())).isTrue();
        assertThat(keys.revoke(TestServer.CALLER, revoked.key().id())).isFalse();
        long until = System.currentTimeMillis() + 5;
        while (System.currentTimeMillis() < until) {
            Thread.onSpinWait();
        }

        assertThatThrownBy(() -> keys.caller(text, null)).isInstanceOf(UnauthorizedException.class)
            .hasMessageContaining("was revoked")
            .hasMessageNotContaining(text);
        assertThatThrownBy(() -> keys.caller(expired.secret().text(), null)).hasMessageContaining("has expired");
        String other = text.substring(0, text.length() - 1) + (text.endsWith("0") ? "1" : "0");
        assertThatThrownBy(() -> keys.caller(other, null)).hasMessageContaining("is not known")
            .hasMessageNotContaining(other);
        assertThatThrownBy(() -> keys.caller("d3s-0000000000-" + "0".repeat(64), null))
            .hasMessageContaining("is not known");
        assertThatThrownBy(() -> keys.caller("d3s-", null)).hasMessageContaining("is not one of this server");
        assertThatThrownBy(() -> keys.revoke(TestServer.CALLER, "key-none")).isInstanceOf(NotFoundException.class);
    }

    @Test
    void shouldWriteTheLastUseAtMostOnceAMinute() {
        KeyService.NewKey made = key(Scope.all(), null);
        String text = made.secret().text();
        keys.caller(text, null);
        Long first = keys.list("lab-a").getFirst().lastUsedAt();
        assertThat(first).isNotNull();

        server.database.change(connection -> Database.execute(connection,
                "update api_key set last_used_at = last_used_at - 50000"));
        keys.caller(text, null);
        assertThat(keys.list("lab-a").getFirst().lastUsedAt()).isEqualTo(first - 50_000);

        server.database.change(connection -> Database.execute(connection,
                "update api_key set last_used_at = last_used_at - 50000"));
        keys.caller(text, null);
        assertThat(keys.list("lab-a").getFirst().lastUsedAt()).isGreaterThanOrEqualTo(first);
    }

    @Test
    void shouldNameEveryMistakeOfANewKey() {
        assertThatThrownBy(() -> keys.create(TestServer.CALLER, "lab/a", " ", Role.USER, Set.of(), Duration.ZERO))
            .isInstanceOfSatisfying(InvalidRequestException.class, e -> assertThat(e.mistakes())
                .extracting(Mistake::param)
                .containsExactly("organization", "name", "scope", "expires"));
        assertThatThrownBy(() -> Scope.parse(List.of("everything")))
            .hasMessageContaining("There is no scope 'everything'")
            .hasMessageContaining("files:read");
        assertThat(keys.list(null)).isEmpty();
    }

    // ---------------------------------------------------------------- who is let in without a key

    @Test
    void shouldLetInItsOwnMachineUntilThereIsAKey() {
        assertThat(keys.anonymous("d3s", "127.0.0.1", true).role()).isEqualTo(Role.ADMIN);
        assertThatThrownBy(() -> keys.anonymous("d3s", "10.0.0.7", false)).isInstanceOf(UnauthorizedException.class);
        assertThat(listening(OPEN, true).anonymous("d3s", "10.0.0.7", false).role()).isEqualTo(Role.ADMIN);
        assertThatThrownBy(() -> listening(new Listening("127.0.0.1", true), true).anonymous("d3s", "127.0.0.1", true))
            .isInstanceOf(UnauthorizedException.class);

        keys.revoke(TestServer.CALLER, key(Scope.all(), null).key().id());

        assertThatThrownBy(() -> keys.anonymous("d3s", "127.0.0.1", true)).isInstanceOf(UnauthorizedException.class);
        assertThatThrownBy(() -> listening(OPEN, true).anonymous("d3s", "127.0.0.1", true))
            .isInstanceOf(UnauthorizedException.class);
    }

    @Test
    void shouldRefuseToStartWhereOthersReachItWithoutAKey() {
        keys.start();
        listening(OPEN, true).start();
        listening(new Listening("0.0.0.0", true), false).start();
        listening(new Listening("::1", false), false).start();
        assertThatThrownBy(() -> listening(OPEN, false).start()).isInstanceOf(D3sException.class)
            .hasMessageContaining("./d3s keys create")
            .hasMessageContaining("d3s.access.anonymous=true");

        key(Scope.all(), null);

        listening(OPEN, false).start();
    }

    // ---------------------------------------------------------------- the audit log

    @Test
    void shouldWriteAnEntryWithItsChangeOrNeither() {
        String file = server.upload("{\"prompt\": \"1\"}\n").id();
        server.database
            .change(connection -> Database.execute(connection, "alter table audit_log rename to gone"));

        assertThatThrownBy(() -> server.files.delete(TestServer.CALLER, file)).isInstanceOf(D3sException.class);
        assertThatThrownBy(() -> server.upload("{\"prompt\": \"2\"}\n")).isInstanceOf(D3sException.class);

        server.database
            .change(connection -> Database.execute(connection, "alter table gone rename to audit_log"));
        assertThat(server.files.list(TestServer.CALLER, null, null, true, 10).elements()).extracting(UploadedFile::id)
            .containsExactly(file);
        assertThat(server.files.content(server.files.file(TestServer.CALLER, file))).exists();
        server.files.delete(TestServer.CALLER, file);
        AuditService audit = new AuditService(server.audit, USUAL);
        List<AuditEntry> entries = audit.list(TestServer.CALLER, AuditService.Filter.NONE, null, 10).elements();
        assertThat(entries).extracting(AuditEntry::action).containsExactly("file.deleted", "file.created");
        assertThat(entries).extracting(AuditEntry::object).containsOnly(file);
        assertThat(audit.list(TestServer.CALLER, AuditService.Filter.NONE, entries.getFirst().id(), 10).elements())
            .containsExactly(entries.getLast());
        assertThat(entries).allSatisfy(entry -> assertThat(entry.actorKind()).isEqualTo(Caller.Kind.ANONYMOUS));
    }

    @Test
    void shouldForgetEntriesAfterTheirTime() {
        server.upload("{\"prompt\": \"1\"}\n");
        AuditService audit = new AuditService(server.audit, USUAL);
        long year = Duration.ofDays(365).toMillis();

        audit.clean(System.currentTimeMillis() + year - 60_000);
        assertThat(audit.list(TestServer.CALLER, AuditService.Filter.NONE, null, 10).elements()).hasSize(1);

        audit.clean(System.currentTimeMillis() + year + 60_000);
        assertThat(audit.list(TestServer.CALLER, AuditService.Filter.NONE, null, 10).elements()).isEmpty();
    }

    // ---------------------------------------------------------------- requests that come again

    @Test
    void shouldMakeOneJobOfRequestsThatComeAtOnce() throws Exception {
        ObjectNode request = server.request(3);
        CyclicBarrier barrier = new CyclicBarrier(8);
        Set<String> ids = new HashSet<>();
        try (ExecutorService clients = Executors.newFixedThreadPool(8)) {
            List<Callable<String>> calls = new ArrayList<>();
            for (int client = 0; client < 8; client++) {
                calls.add(() -> {
                    barrier.await();
                    return server.jobs.create(TestServer.CALLER, request, "once").id();
                });
            }
            for (Future<String> id : clients.invokeAll(calls)) {
                ids.add(id.get());
            }
        }

        assertThat(ids).hasSize(1);
        assertThat(server.jobs.list(TestServer.CALLER, null, 10, java.util.Map.of()).elements()).hasSize(1);
        assertThat(new AuditService(server.audit, USUAL)
            .list(TestServer.CALLER,
                    new AuditService.Filter(0, Long.MAX_VALUE, List.of("job.created"), List.of(), List.of()), null, 10)
            .elements()).hasSize(1);
    }

    @Test
    void shouldForgetARequestAfterADay() {
        ObjectNode request = server.request(3);
        String first = server.jobs.create(TestServer.CALLER, request, "once").id();
        assertThat(server.jobs.create(TestServer.CALLER, request, "once").id()).isEqualTo(first);
        assertThatThrownBy(() -> server.jobs.create(TestServer.CALLER, server.request(4), "once"))
            .isInstanceOf(UnprocessableException.class);
        assertThatThrownBy(() -> server.jobs.create(TestServer.CALLER, request, " "))
            .hasMessageContaining("Idempotency-Key");

        server.database.change(connection -> Database.execute(connection,
                "update idempotency_key set created_at = created_at - 86400001"));

        assertThat(server.jobs.create(TestServer.CALLER, request, "once").id()).isNotEqualTo(first);
    }

    private UploadedFile upload(String content, String name) throws IOException {
        return server.files.add(TestServer.CALLER, Files.writeString(home.resolve("upload"), content), "rows.jsonl",
                "fine-tune", name);
    }

    @Test
    void shouldMakeOneFileOfAnUploadThatComesAgain() throws Exception {
        UploadedFile first = upload("{}", "once");
        assertThat(upload("{}", "once")).isEqualTo(first);
        assertThat(upload("{}", "another").id()).isNotEqualTo(first.id());
        assertThatThrownBy(() -> upload("{} ", "once")).isInstanceOf(UnprocessableException.class);
        server.files.delete(TestServer.CALLER, first.id());

        assertThat(upload("{} ", "once").id()).isNotEqualTo(first.id());
    }

    @Test
    void shouldLetTheNameOfADeletedEvaluationBeUsedAgain() {
        ObjectNode request = TestServer.json("""
                {"model": "base", "file": "%s", "grader": {"type": "string_check", "name": "exact",
                 "input": "{{sample.output_text}}", "reference": "{{item.answer}}", "operation": "eq"}}"""
            .formatted(server.upload("{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n").id()));
        String first = server.evals.create(TestServer.CALLER, request, "once").id();
        server.evals.cancel(TestServer.CALLER, first);
        assertThat(server.evals.create(TestServer.CALLER, request, "once").id()).isEqualTo(first);

        server.evals.delete(TestServer.CALLER, first);

        assertThat(server.evals.create(TestServer.CALLER, request, "once").id()).isNotEqualTo(first);
    }
}
