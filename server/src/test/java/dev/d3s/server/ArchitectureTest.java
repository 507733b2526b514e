package dev.d3s.server;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;

/**
 * The arrows between the server's packages, and who may see which library. {@code training} and everything below it can be
 * built with {@code new}, without Quarkus and without HTTP. Packages that are still empty pass.
 */
class ArchitectureTest {
    private static final String SERVER = "dev.d3s.server.";

    /** Each package with the packages it may use beside itself, the contract and libraries. {@code wiring} may use all. */
    static final Map<String, Set<String>> ARROWS = Map.ofEntries(
            Map.entry("api",
                    Set.of("job", "eval", "grader", "spec", "registry", "file", "event", "request", "planning",
                            "evaluation", "model", "plugin", "rollout", "selection", "config", "access")), //
            Map.entry("tracking", Set.of("job", "spec", "event", "store", "request", "config")), //
            Map.entry("job",
                    Set.of("spec", "registry", "file", "webhook", "event", "share", "access", "store", "request",
                            "config",
                            "training", "planning", "rollout", "plugin", "selection")), //
            Map.entry("eval",
                    Set.of("spec", "registry", "file", "webhook", "share", "access", "store", "request", "config",
                            "training", "evaluation", "plugin")), //
            Map.entry("grader", Set.of("spec", "access", "request", "training", "plugin")), //
            Map.entry("spec",
                    Set.of("registry", "file", "access", "request", "training", "planning", "policy", "evaluation",
                            "rollout", "plugin", "selection", "advantage", "hub")), //
            Map.entry("registry", Set.of("hub", "event", "access", "store", "request", "config")), //
            Map.entry("file", Set.of("access", "store", "request", "config")), //
            Map.entry("webhook", Set.of("store", "config")), //
            Map.entry("event", Set.of("store", "request")), //
            Map.entry("share", Set.of("store", "config")), //
            Map.entry("access", Set.of("store", "request", "config")), //
            Map.entry("store", Set.of("config")), //
            Map.entry("request", Set.of()), //
            Map.entry("config", Set.of()), //
            Map.entry("bench",
                    Set.of("training", "planning", "plugin", "selection", "advantage", "policy", "rollout", "model",
                            "example", "store")), //
            Map.entry("cli", Set.of("example")), //
            Map.entry("example", Set.of("model")), //
            Map.entry("hub", Set.of("model")), //
            Map.entry("training",
                    Set.of("evaluation", "reward", "advantage", "selection", "planning", "rollout", "policy", "model",
                            "dataset", "plugin")), //
            Map.entry("planning", Set.of("rollout", "policy", "model")), //
            Map.entry("evaluation", Set.of("reward", "rollout", "model", "dataset", "plugin")), //
            Map.entry("reward", Set.of()), //
            Map.entry("advantage", Set.of()), //
            Map.entry("selection", Set.of()), //
            Map.entry("rollout", Set.of("policy", "model")), //
            Map.entry("policy", Set.of("model")), //
            Map.entry("model", Set.of()), //
            Map.entry("dataset", Set.of("model")), //
            Map.entry("doctor", Set.of("config", "planning", "model", "plugin")), //
            Map.entry("telemetry",
                    Set.of("job", "eval", "tracking", "registry", "webhook", "store", "training", "planning", "rollout",
                            "plugin", "config")), //
            Map.entry("plugin", Set.of()));

    private static final List<String> TRAINING_AND_BELOW = List.of("training", "evaluation", "reward", "advantage",
            "selection", "planning", "rollout", "policy", "model", "dataset", "plugin", "hub");

    private static JavaClasses imported;

    @BeforeAll
    static void importClasses() {
        imported = new ClassFileImporter().withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.d3s.server", "dev.d3s.spi");
        assertThat(imported.contain("dev.d3s.spi.Plugin")).isTrue();
        assertThat(imported.contain("dev.d3s.server.plugin.PluginRegistry")).isTrue();
    }

    private static void check(ArchRule rule) {
        rule.allowEmptyShould(true).check(imported);
    }

    private static String within(String name) {
        return SERVER + name + "..";
    }

    static Stream<String> packages() {
        return ARROWS.keySet().stream().sorted();
    }

    @ParameterizedTest
    @MethodSource("packages")
    void shouldDependOnlyOnWhatItsArrowsAllow(String name) {
        String[] allowed = Stream.concat(Stream.of(name), ARROWS.getOrDefault(name, Set.of()).stream())
            .map(ArchitectureTest::within)
            .toArray(String[]::new);
        String arrows = ARROWS.getOrDefault(name, Set.of()).stream().sorted().collect(Collectors.joining(", "));
        check(noClasses().that()
            .resideInAPackage(within(name))
            .should()
            .dependOnClassesThat(resideInAPackage("dev.d3s.server..").and(not(resideInAnyPackage(allowed))))
            .because(name + " sees " + (arrows.isEmpty() ? "the contract" : arrows + " and the contract")
                    + " only: pass what it needs as an argument or a record, let the package above call both, or put a"
                    + " shared type into the lowest package that all its users see"));
    }

    @Test
    void shouldNameEveryPackageInTheTable() {
        Set<String> known = Stream.concat(ARROWS.keySet().stream(), Stream.of("wiring")).collect(Collectors.toSet());
        Set<String> found = imported.stream()
            .map(type -> type.getPackageName())
            .filter(name -> name.startsWith(SERVER))
            .map(name -> name.substring(SERVER.length()).split("\\.")[0])
            .collect(Collectors.toSet());
        assertThat(known).as("a new package needs its line in ARROWS: decide what it may see").containsAll(found);
    }

    @Test
    void shouldHaveNoCyclesBetweenPackages() {
        check(slices().matching(SERVER + "(*)..")
            .should()
            .beFreeOfCycles()
            .because("arrows point down only: move the shared type down, or invert the call with an interface"));
    }

    @Test
    void shouldKeepTheContractFreeOfEverything() {
        check(classes().that()
            .resideInAPackage("dev.d3s.spi..")
            .should()
            .onlyDependOnClassesThat(
                    resideInAnyPackage("dev.d3s.spi..", "java..", "org.jspecify.."))
            .because("a plugin must never inherit a version conflict: put code that needs a library into the server or"
                    + " a plugin"));
    }

    @Test
    void shouldNeverImportAPlugin() {
        check(noClasses().should()
            .dependOnClassesThat()
            .resideInAPackage("dev.d3s.plugins..")
            .because("built-ins are ordinary plugins: ask PluginRegistry for one by its name"));
    }

    @Test
    void shouldKeepHttpInApi() {
        onlyIn("jakarta.ws.rs..", "let api translate: return a record or throw D3sException", "api");
    }

    @Test
    void shouldKeepConfigurationInConfig() {
        onlyIn("io.smallrye.config..", "declare a @ConfigMapping in config and take the plain record it is turned into",
                "config");
    }

    @Test
    void shouldKeepOnnxRuntimeInItsEngine() {
        String hint = "put it behind RolloutEngine: rollout.onnx is the only package that knows the engine";
        onlyIn("ai.onnxruntime..", hint, "rollout.onnx");
        onlyIn("ai.onnx..", hint, "rollout.onnx");
    }

    @Test
    void shouldKeepDjlInItsEngine() {
        String hint = "put it behind Policy: policy.torch is the only package that knows the engine";
        onlyIn("ai.djl.ndarray..", hint, "policy.torch");
        onlyIn("ai.djl.pytorch..", hint, "policy.torch");
        onlyIn("ai.djl.engine..", hint, "policy.torch");
        onlyIn("ai.djl..", "only policy.torch knows DJL, and model for tokenizers: use Policy or Tokenizer",
                "policy.torch",
                "model");
        onlyIn("ai.djl.huggingface..", "use model's Tokenizer", "model");
    }

    @Test
    void shouldKeepMetersAndSpansInTelemetry() {
        String hint = "let telemetry ask for a plain figure, or hear of it through an interface of the package that has it";
        onlyIn("io.micrometer..", hint, "telemetry");
        onlyIn("io.opentelemetry..", hint, "telemetry");
    }

    private static void onlyIn(String library, String hint, String... packages) {
        String[] allowed = Stream.of(packages).map(ArchitectureTest::within).toArray(String[]::new);
        check(noClasses().that()
            .resideInAPackage("dev.d3s.server..")
            .and()
            .resideOutsideOfPackages(allowed)
            .should()
            .dependOnClassesThat()
            .resideInAPackage(library)
            .because(hint));
    }

    @Test
    void shouldKeepTrainingAndBelowFreeOfTheFramework() {
        check(noClasses().that()
            .resideInAnyPackage(TRAINING_AND_BELOW.stream().map(ArchitectureTest::within).toArray(String[]::new))
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.quarkus..", "io.smallrye..", "jakarta..", "io.vertx..",
                    "org.eclipse.microprofile..")
            .because("training and everything below it is built with new, in tests and by wiring: take what you need as"
                    + " a constructor argument and let wiring produce the bean"));
    }

    @Test
    void shouldKeepWiringUnseen() {
        check(noClasses().that()
            .resideOutsideOfPackage(within("wiring"))
            .should()
            .dependOnClassesThat()
            .resideInAPackage(within("wiring"))
            .because("wiring sees everything and nobody sees it: inject the type it produces"));
    }

    /** The rules do fire: selection's tests use the registry, which selection itself may not. */
    @Test
    void shouldReportAViolationWithItsHint() {
        JavaClasses offender = new ClassFileImporter().importPackages(SERVER + "selection");
        assertThatThrownBy(() -> noClasses().that()
            .resideInAPackage(within("selection"))
            .should()
            .dependOnClassesThat(resideInAPackage("dev.d3s.server..").and(not(resideInAPackage(within("selection")))))
            .because("pass it as an argument")
            .check(offender)).isInstanceOf(AssertionError.class)
            .hasMessageContaining("pass it as an argument")
            .hasMessageContaining("PluginRegistry");
    }
}
