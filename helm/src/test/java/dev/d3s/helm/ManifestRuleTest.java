package dev.d3s.helm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Each rule, and the check against Kubernetes' definitions, notices a manifest that is broken. */
class ManifestRuleTest {
    private static final String SERVER = "StatefulSet/lab-d3s-server";

    /** Renders what has every kind of object. */
    private static Manifests rendered() {
        return HelmChart.render(HelmChartTest.EVERYTHING);
    }

    private static ObjectNode pod(JsonNode set) {
        return (ObjectNode) set.path("spec").path("template").path("spec");
    }

    private static ObjectNode container(JsonNode set) {
        return (ObjectNode) pod(set).path("containers").path(0);
    }

    private static ObjectNode security(JsonNode set) {
        return (ObjectNode) container(set).path("securityContext");
    }

    private static ObjectNode object(JsonNode node) {
        return (ObjectNode) node;
    }

    private static Arguments broken(ManifestRule rule, String title, Manifests.Change change) {
        return Arguments.of(rule, title, change);
    }

    static Stream<Arguments> broken() {
        return Stream.of(
                broken(ManifestRule.IMAGES_ARE_PINNED, SERVER, set -> container(set).put("image", "d3s-server:latest")),
                broken(ManifestRule.IMAGES_ARE_PINNED, SERVER,
                        set -> container(set).put("image", "registry:5000/d3s-server")),
                broken(ManifestRule.IMAGES_ARE_PINNED, SERVER, set -> Manifests.elements(pod(set).path("volumes"))
                    .filter(volume -> volume.has("image"))
                    .forEach(volume -> object(volume.path("image")).put("reference", "plugins:latest"))),
                broken(ManifestRule.RESOURCES_ARE_BOUNDED, SERVER,
                        set -> object(container(set).path("resources").path("limits")).remove("memory")),
                broken(ManifestRule.RESOURCES_ARE_BOUNDED, SERVER,
                        set -> object(pod(set).path("initContainers").path(0)).remove("resources")),
                broken(ManifestRule.RESOURCES_ARE_BOUNDED, SERVER,
                        set -> object(container(set).path("resources").path("limits")).remove("nvidia.com/gpu")),
                broken(ManifestRule.RESOURCES_ARE_BOUNDED, SERVER, set -> Manifests.elements(pod(set).path("volumes"))
                    .filter(volume -> volume.has("emptyDir"))
                    .forEach(volume -> object(volume.path("emptyDir")).remove("sizeLimit"))),
                broken(ManifestRule.PODS_ARE_RESTRICTED, SERVER,
                        set -> object(pod(set).path("securityContext")).remove("runAsNonRoot")),
                broken(ManifestRule.PODS_ARE_RESTRICTED, SERVER,
                        set -> object(pod(set).path("securityContext")).remove("seccompProfile")),
                broken(ManifestRule.PODS_ARE_RESTRICTED, SERVER,
                        set -> pod(set).remove("automountServiceAccountToken")),
                broken(ManifestRule.PODS_ARE_RESTRICTED, SERVER, set -> pod(set).put("hostNetwork", true)),
                broken(ManifestRule.PODS_ARE_RESTRICTED, SERVER,
                        set -> ((ArrayNode) pod(set).path("volumes")).addObject()
                            .put("name", "host")
                            .putObject("hostPath")
                            .put("path", "/")),
                broken(ManifestRule.PODS_ARE_RESTRICTED, SERVER,
                        set -> security(set).put("readOnlyRootFilesystem", false)),
                broken(ManifestRule.PODS_ARE_RESTRICTED, SERVER,
                        set -> security(set).remove("allowPrivilegeEscalation")),
                broken(ManifestRule.PODS_ARE_RESTRICTED, SERVER, set -> security(set).remove("capabilities")),
                broken(ManifestRule.PODS_ARE_RESTRICTED, SERVER, set -> security(set).put("runAsUser", 0)),
                broken(ManifestRule.PODS_ARE_RESTRICTED, SERVER, set -> security(set).put("privileged", true)),
                broken(ManifestRule.SERVERS_ARE_PROBED, SERVER, set -> container(set).remove("livenessProbe")),
                broken(ManifestRule.SERVERS_ARE_PROBED, SERVER,
                        set -> object(container(set).path("readinessProbe").path("httpGet")).put("path",
                                "/q/health/live")),
                broken(ManifestRule.SERVERS_ARE_PROBED, SERVER,
                        set -> object(container(set).path("startupProbe").path("httpGet")).put("port", "https")),
                broken(ManifestRule.SECRETS_STAY_SECRET, SERVER,
                        set -> ((ArrayNode) container(set).path("env")).addObject()
                            .put("name", "D3S_WEBHOOKS_SECRET")
                            .put("value", "x")),
                broken(ManifestRule.SECRETS_STAY_SECRET, SERVER,
                        set -> ((ArrayNode) container(set).path("env")).addObject()
                            .put("name", "D3S_DATASOURCE_URL")
                            .put("value", "jdbc:postgresql://d3s:geheim@db/d3s")),
                broken(ManifestRule.SECRETS_STAY_SECRET, "ConfigMap/lab-d3s-server-dashboard",
                        map -> object(map.path("data")).put("key", "d3s-0123456789-" + "ab".repeat(32))),
                broken(ManifestRule.SELECTORS_FIND_WHAT_THEY_MEAN, SERVER, set -> object(
                        set.path("spec").path("template").path("metadata").path("labels"))
                    .put("app.kubernetes.io/component", "trainer")),
                broken(ManifestRule.SELECTORS_FIND_WHAT_THEY_MEAN, SERVER,
                        set -> object(set.path("spec")).put("serviceName", "lab-d3s-server")),
                broken(ManifestRule.SELECTORS_FIND_WHAT_THEY_MEAN, "Service/lab-d3s-server",
                        service -> object(service.path("spec").path("selector")).remove("app.kubernetes.io/component")),
                broken(ManifestRule.SELECTORS_FIND_WHAT_THEY_MEAN, "Service/lab-d3s-server",
                        service -> object(service.path("spec").path("ports").path(0)).put("targetPort", "https")),
                broken(ManifestRule.SELECTORS_FIND_WHAT_THEY_MEAN, "PodDisruptionBudget/lab-d3s-server",
                        budget -> object(budget.path("spec").path("selector").path("matchLabels"))
                            .put("app.kubernetes.io/component", "test-x")),
                broken(ManifestRule.SELECTORS_FIND_WHAT_THEY_MEAN, "ServiceMonitor/lab-d3s-server",
                        monitor -> object(monitor.path("spec").path("selector").path("matchLabels"))
                            .remove("app.kubernetes.io/component")),
                broken(ManifestRule.REFERENCES_RESOLVE, SERVER, set -> object(
                        pod(set).path("volumes").findParent("secret").path("secret"))
                    .put("secretName", "keys")),
                broken(ManifestRule.REFERENCES_RESOLVE, SERVER, set -> pod(set).put("serviceAccountName", "nobody")),
                broken(ManifestRule.REFERENCES_RESOLVE, SERVER,
                        set -> container(set).remove("volumeMounts")),
                broken(ManifestRule.REFERENCES_RESOLVE, "ServiceMonitor/lab-d3s-server",
                        monitor -> object(monitor.findValue("credentials")).put("key", "token")),
                broken(ManifestRule.REFERENCES_RESOLVE, "Ingress/lab-d3s-server",
                        ingress -> object(ingress.findValue("service").path("port")).put("name", "https")),
                broken(ManifestRule.NETWORK_IS_CLOSED, "NetworkPolicy/lab-d3s-server",
                        policy -> object(policy.path("spec").path("ingress").path(0)).putArray("from")),
                broken(ManifestRule.NETWORK_IS_CLOSED, "NetworkPolicy/lab-d3s-server",
                        policy -> object(policy.path("spec").path("ingress").path(0).path("ports").path(0)).put("port",
                                80)),
                broken(ManifestRule.NETWORK_IS_CLOSED, "NetworkPolicy/lab-d3s-server",
                        policy -> ((ArrayNode) policy.path("spec").path("policyTypes")).remove(1)),
                broken(ManifestRule.NETWORK_IS_CLOSED, "NetworkPolicy/lab-d3s-server",
                        policy -> object(policy.path("spec").path("egress").path(0)).remove("ports")),
                broken(ManifestRule.VARIABLES_ARE_KNOWN_TO_THE_SERVER, SERVER,
                        set -> ((ArrayNode) container(set).path("env")).addObject().put("name", "D3S_HOMES")),
                broken(ManifestRule.VARIABLES_ARE_KNOWN_TO_THE_SERVER, SERVER,
                        set -> ((ArrayNode) container(set).path("env")).addObject().put("name", "D3S_HOME")),
                broken(ManifestRule.JOBS_SURVIVE_AN_UPGRADE, SERVER,
                        set -> pod(set).put("terminationGracePeriodSeconds", 30)),
                broken(ManifestRule.JOBS_SURVIVE_AN_UPGRADE, SERVER, set -> container(set).remove("lifecycle")),
                broken(ManifestRule.JOBS_SURVIVE_AN_UPGRADE, SERVER, set -> object(set.path("spec"))
                    .remove("persistentVolumeClaimRetentionPolicy")),
                broken(ManifestRule.JOBS_SURVIVE_AN_UPGRADE, "PersistentVolumeClaim/lab-d3s-server-home",
                        claim -> object(claim.path("metadata").path("annotations")).remove("helm.sh/resource-policy")),
                broken(ManifestRule.NO_VARIABLES_FROM_SERVICES, SERVER, set -> pod(set).remove("enableServiceLinks")),
                broken(ManifestRule.OBJECTS_ARE_LABELLED, SERVER,
                        set -> object(set.path("metadata").path("labels")).remove("helm.sh/chart")),
                broken(ManifestRule.OBJECTS_ARE_LABELLED, SERVER,
                        set -> object(set.path("metadata")).put("namespace", "default")),
                broken(ManifestRule.OBJECTS_ARE_LABELLED, SERVER,
                        set -> object(set.path("metadata")).put("name", "x".repeat(64))),
                broken(ManifestRule.OBJECTS_ARE_LABELLED, SERVER,
                        set -> object(set.path("metadata")).put("name", "x".repeat(53))));
    }

    @BeforeAll
    static void assumeSupported() {
        HelmChart.assumeSupported();
    }

    @ParameterizedTest(name = "{0} in {1}")
    @MethodSource("broken")
    void shouldNoticeWhatIsBroken(ManifestRule rule, String title, Manifests.Change change) {
        assertThat(rule.broken(rendered())).isEmpty();
        assertThat(rule.broken(rendered().with(title, change))).isNotEmpty();
    }

    @Test
    void shouldNoticeWhatIsNotThere() {
        assertThat(ManifestRule.REFERENCES_RESOLVE.broken(rendered().without("Secret/lab-d3s-server-metrics-key")))
            .isNotEmpty();
        assertThat(ManifestRule.SELECTORS_FIND_WHAT_THEY_MEAN
            .broken(rendered().without("Service/lab-d3s-server-headless")))
            .isNotEmpty();
        Manifests both = HelmChart.render("postgresql: {enabled: true}");
        assertThat(ManifestRule.NETWORK_IS_CLOSED.broken(both.without("NetworkPolicy/lab-d3s-server-postgresql")))
            .containsExactly("lab-d3s-server-postgresql has 0 network policies");
    }

    @Test
    void shouldTryEveryRule() {
        Set<ManifestRule> tried = broken().map(each -> (ManifestRule) each.get()[0])
            .collect(Collectors.toCollection(() -> EnumSet.noneOf(ManifestRule.class)));
        assertThat(tried).containsExactlyInAnyOrder(ManifestRule.values());
    }

    @ParameterizedTest(name = "{0}: {2}")
    @MethodSource("misshapen")
    void shouldNoticeWhatKubernetesDoesNotDefine(String title, Manifests.Change change, String mistake) {
        KubernetesSchema schema = new KubernetesSchema();
        List<String> mistakes = rendered().with(title, change)
            .all()
            .stream()
            .flatMap(manifest -> schema.mistakes(manifest).stream())
            .toList();

        assertThat(mistakes).containsExactly(title + mistake);
    }

    static Stream<Arguments> misshapen() {
        return Stream.of(
                misshapen(SERVER, set -> object(set.path("spec")).put("replica", 1), ".spec.replica is not defined"),
                misshapen(SERVER, set -> object(set.path("spec")).put("replicas", "1"),
                        ".spec.replicas is \"1\" but must be of type integer"),
                misshapen(SERVER, set -> object(set.path("spec")).remove("selector"), ".spec.selector is missing"),
                misshapen(SERVER, set -> object(container(set).path("startupProbe").path("httpGet")).remove("port"),
                        ".spec.template.spec.containers[0].startupProbe.httpGet.port is missing"),
                misshapen(SERVER, set -> object(container(set).path("startupProbe").path("httpGet")).put("port", true),
                        ".spec.template.spec.containers[0].startupProbe.httpGet.port is true but must be one of "
                                + "[{\"type\":\"string\"},{\"type\":\"integer\"}]"),
                misshapen(SERVER, set -> pod(set).putObject("volumes"),
                        ".spec.template.spec.volumes is {} but must be of type array"),
                misshapen(SERVER, set -> object(set).put("apiVersion", "apps/v1beta2"),
                        ": there is no kind apps/v1beta2/StatefulSet"),
                misshapen("Service/lab-d3s-server",
                        service -> object(service.path("metadata").path("labels")).put("a", 1),
                        ".metadata.labels.a is 1 but must be of type string"),
                misshapen("Ingress/lab-d3s-server",
                        ingress -> object(ingress.path("spec").path("rules").path(0).path("http").path("paths").path(0))
                            .remove("pathType"),
                        ".spec.rules[0].http.paths[0].pathType is missing"),
                misshapen("ServiceMonitor/lab-d3s-server",
                        monitor -> object(monitor.path("spec").path("endpoints").path(0)).put("bearer", "x"),
                        ".spec.endpoints[0].bearer is not defined"));
    }

    private static Arguments misshapen(String title, Manifests.Change change, String mistake) {
        return Arguments.of(title, change, mistake);
    }
}
