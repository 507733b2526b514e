package dev.d3s.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

import org.junit.jupiter.api.Test;

class TorchScriptProgramTest {
    private static final Map<String, String> CONSTANTS = constants();

    /** Every constant that the text asks for. */
    private static Map<String, String> constants() {
        Map<String, String> constants = new HashMap<>();
        Matcher name = Pattern.compile("\\$\\{(\\w+)}").matcher(text());
        while (name.find()) {
            constants.put(name.group(1), "2");
        }
        return constants;
    }

    private static String text() {
        try (InputStream resource = TorchScriptProgram.class.getResourceAsStream("/torchscript/policy.torchscript")) {
            return new String(Objects.requireNonNull(resource).readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void shouldPutConstantsIntoTheText() {
        TorchScriptProgram program = TorchScriptProgram.of("policy", CONSTANTS);
        assertThat(program.className()).isEqualTo("Policy");
        assertThat(program.text()).doesNotContain("${").contains("for layer in range(2 - 1):");
    }

    @Test
    void shouldNameAMissingAndAnUnusedConstant() {
        assertThatThrownBy(() -> TorchScriptProgram.of("policy", Map.of("layers", "2")))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("${");
        assertThatThrownBy(() -> TorchScriptProgram.substitute("text", "a ${b}", Map.of("b", "1", "c", "2")))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("[c]");
        assertThatThrownBy(() -> TorchScriptProgram.of("poetry", Map.of()))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("poetry");
    }

    @Test
    void shouldPackFourStoredEntries() throws IOException {
        TorchScriptProgram program = TorchScriptProgram.of("policy", CONSTANTS);
        List<String> names = new ArrayList<>();
        try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(program.archive()))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                names.add(entry.getName());
                assertThat(entry.getMethod()).isEqualTo(ZipEntry.STORED);
                byte[] content = zip.readAllBytes();
                if (entry.getName().endsWith("__torch__.py")) {
                    assertThat(new String(content, StandardCharsets.UTF_8)).isEqualTo(program.text());
                }
            }
        }
        assertThat(names).containsExactly("d3s/data.pkl", "d3s/code/__torch__.py", "d3s/constants.pkl", "d3s/version");
        assertThat(program.archive()).isEqualTo(TorchScriptProgram.of("policy", CONSTANTS).archive());
    }
}
