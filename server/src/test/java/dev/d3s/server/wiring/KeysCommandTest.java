package dev.d3s.server.wiring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeysCommandTest {
    private static final Pattern ID = Pattern.compile("id (key-[0-9a-z]+)");

    private final Path home;
    private @Nullable String before;

    KeysCommandTest(@TempDir Path directory) {
        home = directory.resolve("new");
    }

    @BeforeEach
    void pointAtAHome() {
        before = System.setProperty("d3s.home", home.toString());
    }

    @AfterEach
    void pointBack() {
        if (before == null) {
            System.clearProperty("d3s.home");
        } else {
            System.setProperty("d3s.home", before);
        }
    }

    private static String printed(int code, String... arguments) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertThat(KeysCommand.run(new PrintStream(out, true, StandardCharsets.UTF_8), arguments)).isEqualTo(code);
        return out.toString(StandardCharsets.UTF_8);
    }

    @Test
    void shouldMakeListAndRevokeKeysWhereNoServerHasRunYet() throws Exception {
        String made = printed(0, "create", "--organization", "lab-a", "--name=alice", "--scope", "read,completions",
                "--expires", "P90D");

        String secret = made.lines().findFirst().orElseThrow();
        assertThat(secret).matches("d3s-[0-9a-f]{10}-[0-9a-f]{64}");
        assertThat(made).contains("'alice' of lab-a (user)", " UTC. It is not shown again");
        Matcher id = ID.matcher(made);
        assertThat(id.find()).isTrue();
        assertThat(home.resolve("d3s.db")).exists();
        printed(0, "create", "--organization", "lab-b", "--name", "bob", "--role", "admin");
        assertThat(printed(0, "list"))
            .contains("lab-a", "alice", "completions,files:read,jobs:read,models:read", "never",
                    "lab-b", "admin", " all")
            .doesNotContain(secret);
        assertThat(printed(0, "list", "--organization", "lab-b")).doesNotContain("alice");

        assertThat(printed(0, "revoke", id.group(1))).contains("is revoked");
        assertThat(printed(0, "revoke", id.group(1))).contains("was revoked before");
        assertThat(printed(0, "list")).contains("revoked");
        assertThat(printed(1, "revoke", "key-none")).contains("There is no key 'key-none'.");
    }

    @Test
    void shouldStoreAKeyThatIsInAFileOnce(@TempDir Path directory) throws Exception {
        String text = "d3s-0123456789-" + "ab".repeat(32);
        String file = Files.writeString(directory.resolve("key"), text + "\n").toString();
        String[] create = {"create", "--organization", "lab-a", "--name", "admin", "--role", "admin", "--key-file",
                file};

        String stored = printed(0, create);

        assertThat(stored).contains("The key d3s-0123456789-... of 'admin' of lab-a (admin)", " is stored.")
            .doesNotContain("abab");
        assertThat(printed(0, create)).isEqualTo(stored);
        assertThat(printed(0, "list").lines()).hasSize(2);

        Matcher id = ID.matcher(stored);
        assertThat(id.find()).isTrue();
        printed(0, "revoke", id.group(1));
        assertThat(printed(0, create)).contains("is revoked: no request with it is answered");
    }

    @Test
    void shouldNotStoreAKeyAsSomethingElse(@TempDir Path directory) throws Exception {
        Path file = Files.writeString(directory.resolve("key"), "d3s-0123456789-" + "ab".repeat(32));
        printed(0, "create", "--organization", "lab-a", "--name", "admin", "--key-file", file.toString());

        assertThat(printed(1, "create", "--organization", "lab-b", "--name", "admin", "--key-file", file.toString()))
            .contains("is stored already, as 'admin' of lab-a (user) with other rights");
        assertThat(printed(1, "create", "--organization", "lab-a", "--name", "admin", "--role", "admin", "--key-file",
                file.toString()))
            .contains("with other rights");
        Files.writeString(file, "d3s-0123456789-" + "cd".repeat(32));
        assertThat(printed(1, "create", "--organization", "lab-a", "--name", "admin", "--key-file", file.toString()))
            .contains("Another key begins with d3s-0123456789");
        assertThat(printed(0, "list").lines()).hasSize(2);
        Files.writeString(file, "d3s-0123456789-secret");
        assertThatThrownBy(() -> printed(0, "create", "--organization", "lab-a", "--name", "x", "--key-file",
                file.toString()))
            .hasMessageContainingAll("--key-file " + file, "openssl rand")
            .hasMessageNotContaining("secret");
        assertThatThrownBy(() -> printed(0, "create", "--organization", "lab-a", "--name", "x", "--key-file",
                directory.resolve("none").toString()))
            .hasMessageContainingAll("none", "cannot be read");
    }

    @Test
    void shouldSayWhatIsWrong() throws Exception {
        assertThat(printed(1, "create", "--organization", "lab/a", "--name", "x"))
            .contains("The organization is 'lab/a'");
        for (String[] mistaken : new String[][]{{}, {"make"}, {"create", "--name", "x"}, {"create", "--nam", "x"},
                {"create", "--organization"}, {"revoke"}, {"list", "x", "y"},
                {"create", "--organization", "a", "--name", "x", "--role", "boss"},
                {"create", "--organization", "a", "--name", "x", "--scope", "everything"},
                {"create", "--organization", "a", "--name", "x", "--expires", "soon"}}) {
            assertThatThrownBy(() -> printed(0, mistaken)).isInstanceOf(IllegalArgumentException.class);
        }
    }
}
