package dev.d3s.natives.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.JarOutputStream;
import java.util.zip.ZipEntry;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeCheckTest {
    private static final String METADATA = "META-INF/native-image/org.example/sample/reachability-metadata.json";
    private static final String SERVICE = "META-INF/services/java.lang.Runnable";
    private static final String LIBRARY = "native/linux-x86_64/libsample.so";
    private static final String OURS = "answerable dev.d3s.* = ours\n";

    @TempDir
    Path application;

    private final Map<String, byte[]> jar = new LinkedHashMap<>();

    @Test
    void shouldWantAProviderAndItsFile() throws IOException {
        add("Provider");
        put(SERVICE, Samples.Provider.class.getName() + " # a comment\n");
        assertThat(findings(OURS)).hasSize(2)
            .allMatch(finding -> finding.startsWith("service: java.lang.Runnable"))
            .anyMatch(finding -> finding.contains("{\"glob\": \"" + SERVICE + "\"}"))
            .anyMatch(finding -> finding.contains("\"" + Samples.Provider.class.getName() + "\""));
        put(METADATA, """
                {"reflection": [{"type": "%s", "methods": [{"name": "<init>", "parameterTypes": []}]}],
                 "resources": [{"glob": "META-INF/services/*"}]}""".formatted(Samples.Provider.class.getName()));
        assertThat(findings(OURS)).isEmpty();
    }

    @Test
    void shouldTakeADecisionForMetadata() throws IOException {
        add("Provider");
        put(SERVICE, Samples.Provider.class.getName());
        assertThat(findings(OURS + "service java.lang.Runnable = nobody looks for it\n")).isEmpty();
    }

    @Test
    void shouldWantWhatALibraryNames() throws IOException {
        add("Made");
        add("Failure");
        library("dev/d3s/natives/check/Samples$Made", "<init>", "(JI)V", "handle", "I",
                "dev/d3s/natives/check/Samples$Failure");
        assertThat(findings(OURS)).extracting(finding -> finding.substring(0, finding.indexOf(": ", 5)))
            .containsExactlyInAnyOrder("jni: dev.d3s.natives.check.Samples$Failure",
                    "jni: dev.d3s.natives.check.Samples$Failure.<init>(Ljava/lang/String;)",
                    "jni: dev.d3s.natives.check.Samples$Made", "jni: dev.d3s.natives.check.Samples$Made.<init>(JI)",
                    "jni: dev.d3s.natives.check.Samples$Made.handle");
        put(METADATA, """
                {"reflection": [
                  {"type": "dev.d3s.natives.check.Samples$Made", "jniAccessible": true, "allDeclaredConstructors": true,
                   "fields": [{"name": "handle"}]},
                  {"type": "dev.d3s.natives.check.Samples$Failure", "jniAccessible": true,
                   "methods": [{"name": "<init>", "parameterTypes": ["java.lang.String"]}]}]}""");
        assertThat(findings(OURS)).isEmpty();
    }

    @Test
    void shouldNotTakeReflectionForJni() throws IOException {
        add("Made");
        library("dev/d3s/natives/check/Samples$Made");
        put(METADATA, """
                {"reflection": [{"type": "dev.d3s.natives.check.Samples$Made", "allDeclaredConstructors": true}]}""");
        assertThat(findings(OURS)).singleElement().asString().startsWith("jni: dev.d3s.natives.check.Samples$Made: ");
    }

    @Test
    void shouldSeeMembersOfTypesInSignaturesOfNativeMethods() throws IOException {
        add("Made");
        add("Reader");
        library("Java_dev_d3s_natives_check_Samples_00024Made_read", "fill", "([BI)I");
        assertThat(findings(OURS)).singleElement()
            .asString()
            .startsWith("jni: dev.d3s.natives.check.Samples$Reader.fill([BI): ")
            .contains("\"parameterTypes\": [\"byte[]\", \"int\"]");
    }

    @Test
    void shouldFindNamesThatTouchOthers() throws IOException {
        add("Made");
        library("invalid rowdev/d3s/natives/check/Samples$Madeexpected a map");
        assertThat(findings(OURS)).singleElement().asString().startsWith("jni: dev.d3s.natives.check.Samples$Made: ");
    }

    @Test
    void shouldFindClassesThatAreInNoJar() throws IOException {
        add("Early");
        put("META-INF/native-image/org.example/sample/native-image.properties",
                "Args = --initialize-at-run-time=dev.d3s.natives.check.Samples\n");
        assertThat(findings(OURS)).singleElement()
            .asString()
            .startsWith("link: dev.d3s.natives.check.Samples$Early dev.d3s.natives.check.Samples$Clock: ");
        add("Clock");
        assertThat(findings(OURS)).isEmpty();
    }

    @Test
    void shouldWantOurFiles() throws IOException {
        put("prompts/system.txt", "Be brief.");
        assertThat(findings(OURS)).singleElement()
            .asString()
            .startsWith("resource: prompts/system.txt: ");
        put(METADATA, "{\"resources\": [{\"glob\": \"prompts/*\"}]}");
        assertThat(findings(OURS)).isEmpty();
        put(METADATA, "{\"resources\": [{\"glob\": \"*\"}]}");
        assertThat(findings(OURS)).as("a star ends at a slash").hasSize(1);
    }

    @Test
    void shouldWantADecisionAboutACallWithoutATarget() throws IOException {
        add("Reflective");
        assertThat(findings(OURS)).singleElement()
            .asString()
            .startsWith("call: dev.d3s.natives.check.Samples Class.forName: ");
        assertThat(findings(OURS + "call dev.d3s.natives.check.Samples Class.forName = its names are registered\n"))
            .isEmpty();
    }

    @Test
    void shouldWantTheSignatureOfANativeFunction() throws IOException {
        add("Foreign");
        assertThat(findings(OURS)).singleElement()
            .asString()
            .startsWith("foreign: dev.d3s.natives.check.Samples$Foreign jint(void*,jlong): ")
            .contains("{\"returnType\": \"jint\", \"parameterTypes\": [\"void*\", \"jlong\"]}");
        put(METADATA, """
                {"foreign": {"downcalls": [{"returnType": "jint", "parameterTypes": ["void*", "jlong"]}]}}""");
        assertThat(findings(OURS)).isEmpty();
    }

    @Test
    void shouldWantTheArgumentForSharedMemory() throws IOException {
        add("Sharing");
        assertThat(findings(OURS)).singleElement()
            .asString()
            .startsWith("argument: dev.d3s.natives.check.Samples$Sharing: ");
        put("META-INF/native-image/org.example/sample/native-image.properties",
                "Args = -H:+UnlockExperimentalVMOptions -H:+SharedArenaSupport\n");
        assertThat(findings(OURS)).isEmpty();
    }

    @Test
    void shouldFindWhatAStaticInitializerAsksOfTheMachine() throws IOException {
        add("Early");
        add("Clock");
        assertThat(findings(OURS)).singleElement()
            .asString()
            .startsWith("initialization: dev.d3s.natives.check.Samples$Early: its static initializer calls"
                    + " java.lang.System.nanoTime");
        put("META-INF/native-image/org.example/sample/native-image.properties",
                "Args = --no-fallback \\\n --initialize-at-run-time=org.example,dev.d3s.natives.check.Samples\n");
        assertThat(findings(OURS)).isEmpty();
    }

    @Test
    void shouldFindWhatIsAnotherOnAnotherMachine() throws IOException {
        add("Today");
        add("Told");
        add("Dated");
        assertThat(findings(OURS)).extracting(finding -> finding.substring(0, finding.indexOf(", which")))
            .containsExactly(
                    "initialization: dev.d3s.natives.check.Samples$Today: its static initializer calls"
                            + " java.time.LocalDate.now",
                    "initialization: dev.d3s.natives.check.Samples$Told: its static initializer calls"
                            + " java.lang.Boolean.getBoolean");
    }

    @Test
    void shouldFindSubstitutionsOfWhatIsGone() throws IOException {
        add("ReaderAlias");
        add("Substituted");
        assertThat(findings(OURS)).extracting(finding -> finding.substring(0, finding.indexOf(", which")))
            .containsExactly(
                    "substitution: dev.d3s.natives.check.Samples$ReaderAlias: it is for dev.d3s.natives.check.Samples$Reader",
                    "substitution: dev.d3s.natives.check.Samples$Substituted: it is for dev.d3s.natives.check.Samples$Made");
        add("Reader");
        add("Made");
        assertThat(findings(OURS)).isEmpty();
        add("Outdated");
        assertThat(findings(OURS)).extracting(finding -> finding.substring(0, finding.indexOf(": look")))
            .containsExactly(
                    "substitution: dev.d3s.natives.check.Samples$Outdated: dev.d3s.natives.check.Samples$Made has no"
                            + " handle of type long",
                    "substitution: dev.d3s.natives.check.Samples$Outdated: dev.d3s.natives.check.Samples$Made has no"
                            + " read(Samples$Reader,int)byte[]",
                    "substitution: dev.d3s.natives.check.Samples$Outdated: dev.d3s.natives.check.Samples$Made has no"
                            + " static read(Samples$Reader)byte[]");
    }

    @Test
    void shouldLeaveExcludedMetadataOut() throws IOException {
        put("prompts/system.txt", "Be brief.");
        put(METADATA, "{\"resources\": [{\"glob\": \"prompts/*\"}]}");
        put("application.properties", """
                quarkus.native.additional-build-args=\\
                    --exclude-config,dev[.]d3s[.]sample,META-INF/native-image
                """);
        assertThat(findings(OURS + "resource application.properties = Quarkus reads it\n")).singleElement()
            .asString()
            .startsWith("resource: prompts/system.txt: ");
    }

    @Test
    void shouldReadTheOlderFormat() throws IOException {
        add("Made");
        library("dev/d3s/natives/check/Samples$Made");
        put("prompts/system.txt", "Be brief.");
        put("META-INF/native-image/jni-config.json", "[{\"name\": \"dev.d3s.natives.check.Samples$Made\"}]");
        put("META-INF/native-image/resource-config.json",
                "{\"resources\": {\"includes\": [{\"pattern\": \"\\\\Qprompts/system.txt\\\\E\"}]}}");
        assertThat(findings(OURS)).isEmpty();
    }

    @Test
    void shouldWantWhatWasAskedForWhileARecordingWasMade() throws IOException {
        add("Made");
        add("Reader");
        put("prompts/system.txt", "Be brief.");
        String[] recording = {"# a comment",
                "class\tdev.d3s.natives.check.Samples$Reader\tdev.d3s.natives.check.Samples$Made",
                "member\tdev.d3s.natives.check.Samples$Reader\tdev.d3s.natives.check.Samples$Made\t<init>(JI)",
                "members\tdev.d3s.natives.check.Samples$Reader\tdev.d3s.natives.check.Samples$Made\tgetDeclaredFields",
                "class\tdev.d3s.natives.check.Samples$Reader\torg.example.NotThere",
                "resource\tdev.d3s.natives.check.Samples$Reader\tnot/there.txt",
                "resource\tdev.d3s.natives.check.Samples$Reader\tprompts/system.txt",
                "proxy\tdev.d3s.natives.check.Samples$Reader\tjava.lang.Runnable,java.io.Closeable"};
        String reviewed = OURS + "resource prompts/* = read in other ways\n";
        assertThat(findings(reviewed, recording)).extracting(finding -> finding.substring(0, finding.indexOf(": was")))
            .containsExactlyInAnyOrder(
                    "recorded: dev.d3s.natives.check.Samples$Reader class dev.d3s.natives.check.Samples$Made",
                    "recorded: dev.d3s.natives.check.Samples$Reader member dev.d3s.natives.check.Samples$Made <init>(JI)",
                    "recorded: dev.d3s.natives.check.Samples$Reader members dev.d3s.natives.check.Samples$Made getDeclaredFields",
                    "recorded: dev.d3s.natives.check.Samples$Reader resource prompts/system.txt",
                    "recorded: dev.d3s.natives.check.Samples$Reader proxy java.lang.Runnable,java.io.Closeable");
        put(METADATA, """
                {"reflection": [
                  {"type": "dev.d3s.natives.check.Samples$Made", "allDeclaredFields": true,
                   "methods": [{"name": "<init>", "parameterTypes": ["long", "int"]}]},
                  {"type": {"proxy": ["java.lang.Runnable", "java.io.Closeable"]}}],
                 "resources": [{"glob": "prompts/*"}]}""");
        assertThat(findings(OURS, recording)).isEmpty();
    }

    @Test
    void shouldKnowWhatOthersAskOfOurClassesOnlyWithTheirMetadata() throws IOException {
        add("Made");
        String asked = "members\tcom.fasterxml.jackson.Asking\tdev.d3s.natives.check.Samples$Made\tgetDeclaredMethods";
        assertThat(findings(OURS, asked)).isEmpty();
        Files.writeString(application.resolve("native-image.args"), "--no-fallback");
        assertThat(findings(OURS, asked)).singleElement()
            .asString()
            .startsWith("recorded: com.fasterxml.jackson.Asking");
        put("META-INF/native-image/reflect-config.json",
                "[{\"name\": \"dev.d3s.natives.check.Samples$Made\", \"allDeclaredMethods\": true}]");
        assertThat(findings(OURS, asked)).isEmpty();
    }

    @Test
    void shouldKeepTheQuestionsOfWhatIsPackaged() throws IOException {
        add("Reflective");
        add("Made");
        findings(OURS);
        String ours = "dev.d3s.natives.check.Samples$Reflective";
        List<String> kept = List.of("class\t" + ours + "\tdev.d3s.natives.check.Samples$Made",
                "class\t" + ours + "\torg.example.NotThere", "resource\t" + ours + "\tprompts/system.txt");
        Files.write(application.resolve("recording-1"), kept);
        Files.write(application.resolve("recording-2"), List.of(kept.getFirst(),
                "class\tdev.d3s.natives.check.NativeCheckTest\tdev.d3s.natives.check.Samples$Made",
                "class\t" + ours + "\tdev.d3s.natives.check.NativeCheckTest",
                "members\tio.quarkus.arc.Asking\tdev.d3s.natives.check.Samples$Made\tgetDeclaredMethods",
                "members\torg.junit.Asking\tdev.d3s.natives.check.Samples$Made\tgetDeclaredMethods",
                "class\t" + ours + "\tdev.d3s.natives.check.Samples$$Lambda/0x0000700001000"));
        assertThat(RecordedQuestions.of(application, application)).containsExactlyElementsOf(kept);
    }

    @Test
    void shouldWantNoDecisionThatNothingNeeds() throws IOException {
        put("META-INF/MANIFEST.MF", "");
        assertThat(findings(OURS + "call org.example.Gone Class.forName = it is gone\n")).singleElement()
            .asString()
            .startsWith("list: call org.example.Gone Class.forName: ");
    }

    @Test
    void shouldNameEveryLineOfTheListThatIsNone() {
        assertThatThrownBy(() -> Reviewed.parse("call a.B forName = known\n\n# a comment\ncall a.C\nhope all = well\n"))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("line 4")
            .hasMessageContaining("line 5")
            .hasMessageNotContaining("line 1 ");
    }

    @Test
    void shouldRefuseADirectoryWithoutJars() {
        assertThatThrownBy(() -> NativeCheck.check(application, OURS, List.of())).isInstanceOf(IOException.class)
            .hasMessageContaining("build the server first");
    }

    private void add(String sample) throws IOException {
        String name = "dev/d3s/natives/check/Samples$" + sample + ".class";
        try (InputStream in = NativeCheckTest.class.getResourceAsStream("/" + name)) {
            assertThat(in).as(name).isNotNull();
            jar.put(name, in.readAllBytes());
        }
    }

    private void put(String name, String content) {
        jar.put(name, content.getBytes(StandardCharsets.UTF_8));
    }

    /** As a compiler lays strings out: each ends with a zero. */
    private void library(String... strings) {
        put(LIBRARY, "\u0001\u0002ELF\0" + String.join("\0", strings) + "\0\u0003");
    }

    private List<String> findings(String review, String... recording) throws IOException {
        Path file = application.resolve("dev.d3s.sample-1.jar");
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(file))) {
            for (Map.Entry<String, byte[]> entry : jar.entrySet()) {
                out.putNextEntry(new ZipEntry(entry.getKey()));
                out.write(entry.getValue());
                out.closeEntry();
            }
        }
        String library = jar.containsKey(LIBRARY) ? "resource native/* = a library\n" : "";
        return NativeCheck.check(application, review + library, List.of(recording))
            .stream()
            .map(Finding::toString)
            .toList();
    }
}
