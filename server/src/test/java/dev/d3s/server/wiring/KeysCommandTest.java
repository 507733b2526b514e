package dev.d3s.server.wiring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
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
