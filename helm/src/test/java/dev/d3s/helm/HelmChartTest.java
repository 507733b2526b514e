package dev.d3s.helm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.marcnuri.helm.LintResult;

/** The chart with many values: what is right renders to what Kubernetes and our rules accept, what is wrong is refused by name. */
class HelmChartTest {
    private static final KubernetesSchema KUBERNETES = new KubernetesSchema();

    /** Everything that does not exclude each other. */
    static final String EVERYTHING = """
            replicas: 3
            preset: gpu-1
            gpu: {runtimeClassName: nvidia}
            image: {repository: registry.example.org/lab/d3s-server, tag: 1.2.3-cuda, pullPolicy: Always, pullSecrets: [external-registry]}
            resources: {requests: {cpu: 4, ephemeral-storage: 2Gi}, limits: {memory: 64Gi}}
            home: {size: 2Ti, storageClass: cephfs, accessMode: ReadWriteMany, annotations: {backup: daily}}
            database:
              url: jdbc:postgresql://db-1.example.org:6432,db-2.example.org:6433/d3s?targetServerType=primary
              connections: 32
              secret: {name: external-database, usernameKey: user, passwordKey: pass}
            keys:
              admin: {existingSecret: external-admin, secretKey: key}
              provided:
                - {name: ci, organization: lab-a, scope: "jobs:write,jobs:read", secret: external-ci}
                - {name: root, organization: lab-b, role: admin, secret: external-root, secretKey: k.txt}
            oidc:
              authServerUrl: https://idp.example.org:8443/realms/lab
              audience: d3s
              roleClaimPath: realm_access/roles
              organizationClaim: lab/name
              adminRole: boss
            settings:
              d3s.jobs.concurrent: 2
              d3s.limits.tokens-a-day: 50000000
              d3s.limits.disk: 500G,acme:2T
              d3s.serving.share: 0.25
              d3s.webhooks.url: http://hooks.tools:9000/d3s
            secretEnv:
              - {variable: D3S_WEBHOOKS_SECRET, secret: external-webhook, key: secret}
              - {variable: D3S_HUB_TOKEN, secret: external-hub, key: token}
              - {variable: D3S_GRADER_JUDGE_KEY, secret: external-judge, key: key}
            env: {QUARKUS_HTTP_ACCESS_LOG_ENABLED: true}
            javaOptions: -Xmx12g
            network:
              allow:
                - {host: judge.graders, port: 80, to: {namespace: graders, labels: {app: judge}, port: 8000}}
                - {host: mlflow, port: 5000, to: {}}
                - {host: 10.1.2.3, port: 8081}
            data: {existingClaim: external-data}
            models: {existingClaim: external-models}
            plugins: {image: "registry.example.org/lab/plugins:3", imagePath: jars/d3s}
            service: {type: LoadBalancer, port: 8080, annotations: {internal: "true"}}
            ingress: {enabled: true, className: nginx, host: d3s.example.org, tlsSecret: external-tls, annotations: {size: 5g}}
            networkPolicy: {namespaces: [lab-a, lab-b], cidrs: [10.3.0.0/16], gatewayNamespace: ingress-nginx, monitoringNamespace: prometheus, extraEgress: [{to: [{ipBlock: {cidr: 10.9.0.0/16}}], ports: [{port: 389}]}]}
            metrics: {serviceMonitor: {enabled: true, labels: {release: prometheus}}, dashboard: {enabled: true, annotations: {folder: Lab}}}
            tracing: {endpoint: "http://collector.monitoring:4317"}
            serviceAccount: {name: d3s, annotations: {who: lab}}
            commonLabels: {team: lab}
            podLabels: {cost: lab}
            podAnnotations: {note: lab}
            nodeSelector: {gpu: a100}
            tolerations: [{key: lab, operator: Exists, effect: NoExecute}]
            topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app.kubernetes.io/component: server}}}]
            priorityClassName: research
            """;

    private static final String DOWNLOADS = """
            plugins:
              downloads:
                - url: https://repo.example.org/our-selector-1.0.jar?x=1
                  sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
                - url: https://repo.example.org/our-grader-2.1.jar
                  sha256: fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210
            """;

    /** What we call it, and the values. */
    static Stream<Arguments> right() {
        return Stream.of(Arguments.of("as it is", "{}"), Arguments.of("everything", EVERYTHING),
                Arguments.of("a GPU", "preset: gpu-1"),
                Arguments.of("GPUs of another make", """
                        preset: ""
                        gpu: {count: 2, resource: amd.com/gpu}
                        resources: {requests: {cpu: "8", memory: 64Gi}, limits: {cpu: "8", memory: 64Gi}}
                        """),
                Arguments.of("a native image by its digest",
                        """
                                image: {flavor: native, digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}
                                """),
                Arguments.of("several servers on the chart's PostgreSQL", """
                        replicas: 2
                        postgresql: {enabled: true, storageClass: fast}
                        home: {accessMode: ReadWriteMany}
                        """),
                Arguments.of("one server on the chart's PostgreSQL",
                        """
                                postgresql: {enabled: true, existingSecret: external-database, image: {digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}}
                                """),
                Arguments.of("one server on another PostgreSQL", """
                        database: {url: "jdbc:postgresql://db/d3s", secret: {name: external-database}}
                        """),
                Arguments.of("a home that is there", """
                        replicas: 2
                        home: {existingClaim: external-home, accessMode: ReadWriteMany}
                        database: {url: "jdbc:postgresql://db:5432/d3s", secret: {name: external-database}}
                        """),
                Arguments.of("an identity provider and no key", """
                        keys: {admin: {create: false}}
                        oidc: {authServerUrl: "https://idp.example.org", audience: d3s}
                        """),
                Arguments.of("something else that keeps people out", """
                        keys: {admin: {create: false}}
                        settings: {d3s.access.anonymous: true}
                        """),
                Arguments.of("a route",
                        """
                                route: {enabled: true, parentRefs: [{name: public, namespace: gateways}], hostnames: [d3s.example.org]}
                                networkPolicy: {gatewayNamespace: gateways}
                                """),
                Arguments.of("plugins to download", DOWNLOADS),
                Arguments.of("plugins in a claim", "plugins: {existingClaim: external-plugins}"),
                Arguments.of("a closed network", """
                        networkPolicy: {sameNamespace: false, internet: false}
                        """),
                Arguments.of("no policies", """
                        networkPolicy: {enabled: false}
                        podDisruptionBudget: {enabled: false}
                        serviceAccount: {create: false}
                        """),
                Arguments.of("monitored", "metrics: {serviceMonitor: {enabled: true}, dashboard: {enabled: true}}"),
                Arguments.of("by another name",
                        "fullnameOverride: " + "a".repeat(41) + "\npostgresql: {enabled: true}"));
    }

    /** Values, and where they are wrong. */
    static Stream<Arguments> wrong() {
        String postgresql = "database: {url: 'jdbc:postgresql://db/d3s', secret: {name: external-database}}";
        return Stream.of(Arguments.of("replica: 2", "replica"), Arguments.of("image: {name: x}", "name"),
                Arguments.of("settings: {d3s.job.concurrent: 2}", "d3s.job.concurrent"),
                Arguments.of("settings: {d3s.datasource.password: x}", "d3s.datasource.password"),
                Arguments.of("settings: {d3s.jobs.concurrent: 0}", "/settings/d3s.jobs.concurrent"),
                Arguments.of("settings: {d3s.memory.limit: 4GiB}", "/settings/d3s.memory.limit"),
                Arguments.of("replicas: 2", "/replicas"),
                Arguments.of("replicas: 2\n" + postgresql, "/home/accessMode"),
                Arguments.of("home: {accessMode: ReadWriteMany}", "/home/accessMode"),
                Arguments.of("home: {size: big}", "/home/size"),
                Arguments.of("home: {existingClaim: mine, storageClass: fast}", "/home/storageClass"),
                Arguments.of("database: {url: 'jdbc:postgresql://db/d3s'}", "/database/secret/name"),
                Arguments.of("database: {secret: {name: x}}", "/database/url"),
                Arguments.of("database: {url: 'jdbc:postgresql://db/d3s?password=x', secret: {name: x}}",
                        "/database/url"),
                Arguments.of("database: {url: 'jdbc:mysql://db/d3s', secret: {name: x}}", "/database/url"),
                Arguments.of("postgresql: {enabled: true}\n" + postgresql, "/database/url"),
                Arguments.of("image: {tag: latest}", "/image/tag"),
                Arguments.of("image: {tag: latest-cuda}", "/image/tag"),
                Arguments.of("image: {digest: sha256:12}", "/image/digest"),
                Arguments.of("preset: gpu-2", "/preset"),
                Arguments.of("preset: gpu-1\nimage: {flavor: jvm}", "/image/flavor"),
                Arguments.of("gpu: {count: 1}", "/preset"), Arguments.of("image: {flavor: cuda}", "/preset"),
                Arguments.of("preset: ''", "/resources"),
                Arguments.of("preset: ''\nresources: {limits: {cpu: 1}}", "/resources/limits"),
                Arguments.of("resources: {limits: {cpus: 1}}", "/resources/limits"),
                Arguments.of("image: {flavor: native}\njavaOptions: -Xmx4g", "/javaOptions"),
                Arguments.of("image: {flavor: native}\nplugins: {image: 'x/y:1'}", "/plugins/image"),
                Arguments.of("plugins: {image: 'x/y'}", "/plugins/image"),
                Arguments.of("plugins: {image: 'x/y:latest'}", "/plugins/image"),
                Arguments.of("plugins: {image: 'x/y:1', existingClaim: z}", "/plugins/existingClaim"),
                Arguments.of("plugins: {imagePath: x}", "/plugins/image"),
                Arguments.of("plugins: {downloads: [{url: 'https://x/y.jar'}]}", "/plugins/downloads/0"),
                Arguments.of("plugins: {downloads: [{url: 'https://x/y.zip', sha256: " + "a".repeat(64) + "}]}",
                        "/plugins/downloads/0/url"),
                Arguments.of("keys: {admin: {create: false}}", "/keys/admin/existingSecret"),
                Arguments.of("keys: {provided: [{name: x, secret: y}]}", "/keys/provided/0"),
                Arguments.of("settings: {d3s.access.anonymous: true}", "/keys/admin/create"),
                Arguments.of("oidc: {authServerUrl: 'https://idp'}", "/oidc/audience"),
                Arguments.of("oidc: {adminRole: boss}", "/oidc/authServerUrl"),
                Arguments.of("settings: {d3s.webhooks.url: 'https://x'}", "/secretEnv"),
                Arguments.of("secretEnv: [{variable: PATH, secret: x, key: y}]", "/secretEnv/0/variable"),
                Arguments.of("env: {D3S_HOME: /x}", "/env"),
                Arguments.of("env: {QUARKUS_TLS_KEY_STORE_PASSWORD: x}", "/env"),
                Arguments.of("ingress: {enabled: true, host: x.org}", "/networkPolicy/gatewayNamespace"),
                Arguments.of("service: {type: NodePort}", "/networkPolicy/cidrs"),
                Arguments.of("ingress: {enabled: true}", "/ingress/host"),
                Arguments.of("ingress: {enabled: true, host: x.org}\nroute: {enabled: true, parentRefs: [{name: g}]}\n"
                        + "networkPolicy: {gatewayNamespace: g}", "/route/enabled"),
                Arguments.of("route: {enabled: true}", "/route/parentRefs"),
                Arguments.of("shutdown: {gracePeriodSeconds: 30}", "/shutdown/gracePeriodSeconds"),
                Arguments.of("serviceAccount: {create: false, annotations: {a: b}}", "/serviceAccount/annotations"),
                Arguments.of("commonLabels: {a: 'b c'}", "/commonLabels/a"),
                Arguments.of("fullnameOverride: " + "x".repeat(42), "/fullnameOverride"),
                Arguments.of("podDisruptionBudget: {maxUnavailable: 0}", "/podDisruptionBudget/maxUnavailable"));
    }

    @BeforeAll
    static void assumeSupported() {
        HelmChart.assumeSupported();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("right")
    void shouldRenderWhatKubernetesAndOurRulesAccept(String name, String values) {
        Manifests manifests = HelmChart.render(values);

        assertThat(manifests.all().stream().flatMap(manifest -> KUBERNETES.mistakes(manifest).stream())).isEmpty();
        for (ManifestRule rule : ManifestRule.values()) {
            assertThat(rule.broken(manifests)).as(rule.name()).isEmpty();
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("right")
    void shouldPassHelmsOwnCheck(String name, String values) {
        LintResult result = HelmChart.lint(values);

        assertThat(result.isFailed()).as("%s", result.getMessages()).isFalse();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrong")
    void shouldRefuseValuesByTheirName(String values, String place) {
        assertThatThrownBy(() -> HelmChart.render(values)).hasMessageContaining("values don't meet the specifications")
            .hasMessageContaining(place);
    }

    @Test
    void shouldHaveADefaultForEveryValueThatTheSchemaKnows() {
        Set<String> described = new TreeSet<>();
        describe("", HelmChart.read("values.schema.json"), described);
        described.remove("global"); // Helm's own

        Set<String> given = new TreeSet<>();
        Set<String> open = Set.of("settings", "resources", "metrics.dashboard.labels");
        collect("", HelmChart.read("values.yaml"), open, described, given);

        assertThat(given).isEqualTo(described);
    }

    /** Leaves of a schema: what has no members of its own, or may have any. */
    private static void describe(String path, JsonNode schema, Set<String> leaves) {
        JsonNode properties = schema.path("properties");
        if (properties.isMissingNode() || path.equals("settings") || path.equals("affinity")) {
            String reference = schema.path("$ref").asText();
            if (reference.endsWith("/image")) {
                List.of("repository", "tag", "digest").forEach(member -> leaves.add(path + "." + member));
            } else {
                leaves.add(path);
            }
            return;
        }
        properties.properties()
            .forEach(member -> describe(path.isEmpty() ? member.getKey() : path + "." + member.getKey(),
                    member.getValue(), leaves));
    }

    private static void collect(String path, JsonNode values, Set<String> open, Set<String> described,
            Set<String> leaves) {
        if (!values.isObject() || described.contains(path) || open.contains(path)) {
            leaves.add(path);
            return;
        }
        if (path.equals("postgresql.resources")) {
            leaves.add("postgresql.resources.requests");
            leaves.add("postgresql.resources.limits");
            return;
        }
        values.properties()
            .forEach(member -> collect(path.isEmpty() ? member.getKey() : path + "." + member.getKey(),
                    member.getValue(), open, described, leaves));
    }

    // ---------------------------------------------------------------- what values do

    private static JsonNode server(Manifests manifests) {
        return manifests.the("StatefulSet", "lab-d3s-server");
    }

    private static JsonNode container(Manifests manifests) {
        return server(manifests).path("spec").path("template").path("spec").path("containers").path(0);
    }

    private static Map<String, String> environment(Manifests manifests) {
        Map<String, String> environment = new TreeMap<>();
        container(manifests).path("env")
            .forEach(variable -> environment.put(variable.path("name").asText(), variable.has("value")
                    ? variable.path("value").asText()
                    : variable.path("valueFrom").toString()));
        return environment;
    }

    @Test
    void shouldTellTheServerItsSettings() {
        assertThat(environment(HelmChart.render(EVERYTHING))).containsEntry("D3S_HOME", "/var/lib/d3s")
            .containsEntry("QUARKUS_HTTP_HOST", "0.0.0.0")
            .containsEntry("D3S_CLUSTER_NAME", "{\"fieldRef\":{\"fieldPath\":\"metadata.name\"}}")
            .containsEntry("D3S_LIMITS_TOKENS_A_DAY", "50000000")
            .containsEntry("D3S_SERVING_SHARE", "0.25")
            .containsEntry("D3S_LOG_FORMAT", "json")
            .containsEntry("D3S_NETWORK_ALLOW", "judge.graders:80,mlflow:5000,10.1.2.3:8081")
            .containsEntry("D3S_PLUGINS_DIRECTORY", "/srv/plugins/jars/d3s")
            .containsEntry("D3S_DATASOURCE_PASSWORD",
                    "{\"secretKeyRef\":{\"name\":\"external-database\",\"key\":\"pass\"}}")
            .containsEntry("D3S_JAVA_OPTIONS", "-Xmx12g")
            .containsEntry("QUARKUS_HTTP_ACCESS_LOG_ENABLED", "true");
        assertThat(environment(HelmChart.render("{}"))).doesNotContainKeys("D3S_DATASOURCE_URL", "D3S_NETWORK_ALLOW",
                "D3S_PLUGINS_DIRECTORY", "QUARKUS_OIDC_AUTH_SERVER_URL", "OTEL_EXPORTER_OTLP_ENDPOINT",
                "D3S_JAVA_OPTIONS");
    }

    @Test
    void shouldKnowEverySettingOfTheServer() {
        Set<String> made = Set.of("d3s.cluster.name", "d3s.data.directory", "d3s.datasource.connections",
                "d3s.datasource.password", "d3s.datasource.url", "d3s.datasource.username", "d3s.home", "d3s.hub.token",
                "d3s.models.allowed", "d3s.models.directory", "d3s.network.allow", "d3s.oidc.admin-role",
                "d3s.oidc.organization-claim", "d3s.plugins.directory", "d3s.webhooks.secret");
        Set<String> settings = new TreeSet<>(made);
        HelmChart.read("values.schema.json")
            .path("properties")
            .path("settings")
            .path("properties")
            .fieldNames()
            .forEachRemaining(name -> assertThat(settings.add(name)).as(name).isTrue());

        assertThat(settings).isEqualTo(new ServerReadme().settings().keySet());
    }

    @Test
    void shouldBeOfTheVersionOfTheServer() {
        String version = System.getProperty("project.version");
        assertThat(HelmChart.read("Chart.yaml").path("appVersion").asText()).isEqualTo(version);
        assertThat(container(HelmChart.render("{}")).path("image").asText()).isEqualTo("d3s-server:" + version);
        assertThat(container(HelmChart.render("preset: gpu-1")).path("image").asText())
            .isEqualTo("d3s-server:" + version + "-cuda");
        assertThat(container(HelmChart.render("image: {flavor: native}")).path("image").asText())
            .isEqualTo("d3s-server:" + version + "-native");
    }

    @Test
    void shouldGiveEachServerAHomeOfItsOwnOrOneToAll() {
        JsonNode alone = server(HelmChart.render("{}"));
        assertThat(alone.path("spec").path("volumeClaimTemplates").findValuesAsText("storage"))
            .containsExactly("100Gi");

        Manifests several = HelmChart.render(EVERYTHING);
        assertThat(server(several).path("spec").has("volumeClaimTemplates")).isFalse();
        assertThat(server(several).findValuesAsText("claimName")).contains("lab-d3s-server-home");
        assertThat(
                several.the("PersistentVolumeClaim", "lab-d3s-server-home").path("spec").path("accessModes").toString())
            .isEqualTo("[\"ReadWriteMany\"]");
    }

    @Test
    void shouldAddGpusToWhatTheValuesSay() {
        JsonNode resources = container(HelmChart.render(EVERYTHING)).path("resources");
        assertThat(resources.path("limits").path("nvidia.com/gpu").asInt()).isOne();
        assertThat(resources.path("limits").path("memory").asText()).isEqualTo("64Gi");
        assertThat(resources.path("limits").path("cpu").asText()).isEqualTo("8");
        assertThat(resources.path("requests").path("cpu").asText()).isEqualTo("4");
        assertThat(server(HelmChart.render(EVERYTHING)).findValue("tolerations").findValuesAsText("key"))
            .containsExactly("nvidia.com/gpu", "lab");
        assertThat(server(HelmChart.render("{}")).findValue("tolerations")).isNull();
    }

    @Test
    void shouldOpenTheNetworkForWhatIsConfigured() {
        JsonNode policy = HelmChart.render(EVERYTHING).the("NetworkPolicy", "lab-d3s-server").path("spec");
        assertThat(policy.path("ingress").findValuesAsText("kubernetes.io/metadata.name")).containsExactly("lab-a",
                "lab-b",
                "ingress-nginx", "prometheus");
        assertThat(policy.path("ingress").findValuesAsText("cidr")).containsExactly("10.3.0.0/16");
        // name service, then what whoever runs the server named: databases, identity provider, traces, webhook
        assertThat(policy.path("egress").path(1).findValuesAsText("port")).containsExactly("6432", "6433", "8443",
                "4317",
                "9000");
        JsonNode judge = policy.path("egress").path(3);
        assertThat(judge.findValuesAsText("port")).containsExactly("8000");
        assertThat(judge.findValuesAsText("app")).containsExactly("judge");
        assertThat(policy.path("egress").path(4).findValuesAsText("kubernetes.io/metadata.name"))
            .containsExactly(HelmChart.NAMESPACE);

        JsonNode closed = HelmChart.render("networkPolicy: {sameNamespace: false, internet: false}")
            .the("NetworkPolicy", "lab-d3s-server")
            .path("spec");
        assertThat(closed.path("egress")).hasSize(1);
        assertThat(closed.path("egress").findValuesAsText("port")).containsOnly("53");
        assertThat(closed.path("ingress").findValuesAsText("app.kubernetes.io/component")).containsExactly("test");
    }

    @Test
    void shouldNotLetGradersOutToTheLocalNetwork() {
        JsonNode internet = HelmChart.render("{}")
            .the("NetworkPolicy", "lab-d3s-server")
            .path("spec")
            .path("egress")
            .path(1);
        assertThat(internet.findValuesAsText("port")).containsExactly("443");
        assertThat(Manifests.elements(internet.findValue("except")).map(JsonNode::asText)).contains("10.0.0.0/8",
                "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16");
    }

    @Test
    void shouldStoreKeysBeforeTheServerStarts() {
        Manifests everything = HelmChart.render(EVERYTHING);
        JsonNode before = server(everything).path("spec").path("template").path("spec").path("initContainers");
        assertThat(before.findValuesAsText("name")).contains("key-admin", "key-metrics", "key-provided-0",
                "key-provided-1");
        assertThat(before.path(2).path("args").toString()).isEqualTo("""
                ["--organization=lab-a","--name=ci","--role=user","--scope=jobs:write,jobs:read",\
                "--key-file=/etc/d3s-keys/provided-0/api-key"]""");
        assertThat(everything.find("Secret", "lab-d3s-server-admin-key")).isEmpty();

        JsonNode made = HelmChart.render("{}").the("Secret", "lab-d3s-server-admin-key").path("data").path("api-key");
        assertThat(new String(Base64.getDecoder().decode(made.asText()), StandardCharsets.UTF_8))
            .matches("d3s-[0-9a-f]{10}-[0-9a-f]{64}");
    }

    /** Kubernetes calls a pod Guaranteed, and spares it, where all its containers request what they are limited to. */
    @Test
    void shouldKeepThePodInTheServersClassOfService() {
        for (Manifests chart : List.of(HelmChart.render("{}"), HelmChart.render(EVERYTHING))) {
            ObjectNode expected = container(chart).path("resources").deepCopy();
            expected.forEach(list -> ((ObjectNode) list).remove("nvidia.com/gpu"));
            JsonNode before = server(chart).path("spec").path("template").path("spec").path("initContainers");
            assertThat(before).isNotEmpty()
                .allSatisfy(container -> assertThat(container.path("resources")).isEqualTo(expected));
        }
        JsonNode preset = container(HelmChart.render("{}")).path("resources");
        assertThat(preset.path("requests")).isEqualTo(preset.path("limits"));
    }

    @Test
    void shouldNotRestartServersForANewChartAlone() {
        assertThat(server(HelmChart.render(EVERYTHING)).path("spec").path("template").path("metadata").path("labels"))
            .isEqualTo(Manifests.YAML.createObjectNode()
                .put("app.kubernetes.io/name", "d3s-server")
                .put("app.kubernetes.io/instance", "lab")
                .put("app.kubernetes.io/component", "server")
                .put("team", "lab")
                .put("cost", "lab"));
    }

    @Test
    void shouldKeepWhatItMadeBefore() {
        String values = "{postgresql: {enabled: true}, keys: {admin: {secretKey: key}}}";
        Manifests again = HelmChart.render(values,
                "{{- dict \"data\" (dict \"key\" \"b25l\" \"password\" \"dHdv\") | toYaml -}}");
        assertThat(again.the("Secret", "lab-d3s-server-admin-key").path("data").path("key").asText()).isEqualTo("b25l");
        assertThat(again.the("Secret", "lab-d3s-server-postgresql").path("data").path("password").asText())
            .isEqualTo("dHdv");
        assertThat(HelmChart.render(values).the("Secret", "lab-d3s-server-admin-key").path("data"))
            .isNotEqualTo(HelmChart.render(values + " ").the("Secret", "lab-d3s-server-admin-key").path("data"));
    }

    @Test
    void shouldSayHowToCallIt() {
        assertThat(HelmChart.notes("{}")).contains(
                "kubectl --namespace research get secret lab-d3s-server-admin-key",
                "kubectl --namespace research port-forward service/lab-d3s-server 8080:80",
                "curl --fail-with-body http://127.0.0.1:8080/v1/models --header \"Authorization: Bearer $OPENAI_API_KEY\"",
                "exec lab-d3s-server-0 -- d3s keys create --organization lab-a --name alice")
            .doesNotContain("Careful");
        assertThat(HelmChart.notes(EVERYTHING)).contains("curl --fail-with-body https://d3s.example.org/v1/models",
                "get secret external-admin", "3 x registry.example.org/lab/d3s-server:1.2.3-cuda, PostgreSQL")
            .doesNotContain("port-forward", "Careful");
        assertThat(HelmChart.notes("""
                keys: {admin: {create: false}}
                settings: {d3s.access.anonymous: true}
                networkPolicy: {enabled: false}
                """)).contains("Careful: d3s.access.anonymous", "Careful: without networkPolicy.enabled")
            .doesNotContain("OPENAI_API_KEY");
    }

    @Test
    void shouldRefuseJarsThatWouldOverwriteEachOther() {
        String jar = "{url: 'https://%s/x.jar', sha256: " + "a".repeat(64) + "}";
        assertThatThrownBy(() -> HelmChart.render("plugins: {downloads: [" + jar.formatted("one") + ", "
                + jar.formatted("other") + "]}"))
            .hasMessageContaining("plugins.downloads has two jars that are called x.jar");
    }

    @Test
    void shouldCheckWhatItDownloads() {
        JsonNode plugins = HelmChart.render(DOWNLOADS).the("ConfigMap", "lab-d3s-server-plugins");
        assertThat(plugins.path("data").path("list").asText().lines()).containsExactly(
                "0123456789abcdef".repeat(4)
                        + " our-selector-1.0.jar https://repo.example.org/our-selector-1.0.jar?x=1",
                "fedcba9876543210".repeat(4) + " our-grader-2.1.jar https://repo.example.org/our-grader-2.1.jar");
    }
}
