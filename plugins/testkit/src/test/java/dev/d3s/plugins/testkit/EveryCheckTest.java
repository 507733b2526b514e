package dev.d3s.plugins.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.commons.support.AnnotationSupport;

/** A check that no plugin fails proves nothing: each has at least one plugin that breaks it. */
class EveryCheckTest {
    private static final Map<Class<?>, List<Mistake>> MISTAKES = Map.of(FactoryContract.class,
            FactoryContractTest.mistakes(), RolloutSelectorContract.class, RolloutSelectorContractTest.mistakes(),
            TokenSelectorContract.class, TokenSelectorContractTest.mistakes(), ScheduleContract.class,
            ScheduleContractTest.mistakes(), RewardFunctionContract.class, RewardFunctionContractTest.mistakes(),
            PluginContract.class, PluginContractTest.mistakes(), SelectorContract.class,
            RolloutSelectorContractTest.mistakes());

    /** Every contract there is, so that a new one is not forgotten here. */
    static List<Class<?>> contracts() throws IOException, URISyntaxException, ClassNotFoundException {
        Path classes = Path.of(FactoryContract.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        try (Stream<Path> files = Files.walk(classes)) {
            List<String> names = files.map(file -> classes.relativize(file).toString())
                .filter(name -> name.endsWith("Contract.class"))
                .map(name -> name.replace(".class", "").replace('/', '.'))
                .toList();
            List<Class<?>> contracts = new ArrayList<>();
            for (String name : names) {
                contracts.add(Class.forName(name));
            }
            return contracts;
        }
    }

    private static List<Method> checks(Class<?> contract) {
        return Arrays.stream(contract.getDeclaredMethods())
            .filter(method -> AnnotationSupport.isAnnotated(method, Test.class)
                    || AnnotationSupport.isAnnotated(method, ParameterizedTest.class))
            .toList();
    }

    @Test
    void shouldKnowEveryContract() throws Exception {
        assertThat(MISTAKES.keySet()).containsExactlyInAnyOrderElementsOf(contracts());
    }

    @ParameterizedTest
    @MethodSource("contracts")
    void shouldHaveAPluginThatBreaksEachCheck(Class<?> contract) {
        Collection<String> broken = MISTAKES.getOrDefault(contract, List.of())
            .stream()
            .flatMap(mistake -> mistake.failures().keySet().stream())
            .collect(Collectors.toCollection(TreeSet::new));
        assertThat(checks(contract)).isNotEmpty()
            .allSatisfy(check -> assertThat(broken).as("a plugin that breaks it").contains(check.getName()))
            .allSatisfy(check -> assertThat(AnnotationSupport.findAnnotation(check, DisplayName.class))
                .as("a sentence as its name: %s", check)
                .isPresent());
    }
}
