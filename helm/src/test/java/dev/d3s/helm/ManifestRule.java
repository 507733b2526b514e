package dev.d3s.helm;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import com.fasterxml.jackson.databind.JsonNode;

/** What this chart promises of its manifests beyond what Kubernetes asks. Each says what breaks it. */
enum ManifestRule {
    IMAGES_ARE_PINNED {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            for (Manifests.Pods pods : manifests.pods()) {
                Stream<String> images = Stream.concat(
                        pods.containers().stream().map(container -> container.path("image").asText()),
                        Manifests.elements(pods.spec().path("volumes"))
                            .filter(volume -> volume.has("image"))
                            .map(volume -> volume.path("image").path("reference").asText()));
                images.filter(image -> !PINNED.matcher(image).matches() || image.contains(":latest"))
                    .forEach(image -> broken.accept(pods.name() + " has the image '" + image
                            + "': give it a tag other than latest, or a digest"));
            }
        }
    },

    RESOURCES_ARE_BOUNDED {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            eachContainer(manifests, (pods, container) -> {
                for (String bound : List.of("requests", "limits")) {
                    for (String amount : List.of("cpu", "memory")) {
                        if (!container.path("resources").path(bound).has(amount)) {
                            broken.accept(title(pods, container) + " has no resources." + bound + "." + amount);
                        }
                    }
                }
                container.path("resources")
                    .path("requests")
                    .properties()
                    .stream()
                    .filter(request -> request.getKey().contains("/"))
                    .filter(request -> !request.getValue()
                        .equals(container.path("resources").path("limits").path(request.getKey())))
                    .forEach(request -> broken.accept(title(pods, container) + " asks for " + request.getKey()
                            + " that is not its limit, too"));
            });
            for (Manifests.Pods pods : manifests.pods()) {
                Manifests.elements(pods.spec().path("volumes"))
                    .filter(volume -> volume.has("emptyDir") && !volume.path("emptyDir").has("sizeLimit"))
                    .forEach(volume -> broken
                        .accept(pods.name() + " has the volume " + volume.path("name").asText()
                                + " without sizeLimit"));
            }
        }
    },

    /** The Pod Security Standard "restricted", and a root file system that nothing is written to. */
    PODS_ARE_RESTRICTED {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            for (Manifests.Pods pods : manifests.pods()) {
                JsonNode spec = pods.spec();
                JsonNode security = spec.path("securityContext");
                require(security.path("runAsNonRoot").asBoolean() && security.path("runAsUser").asInt() > 0, broken,
                        pods.name() + " may run as root");
                require(security.path("seccompProfile").path("type").asText().equals("RuntimeDefault"), broken,
                        pods.name() + " has no seccompProfile RuntimeDefault");
                require(spec.has("automountServiceAccountToken")
                        && !spec.path("automountServiceAccountToken").asBoolean(), broken,
                        pods.name() + " gets the token of its service account");
                for (String host : List.of("hostNetwork", "hostPID", "hostIPC", "hostUsers")) {
                    require(!spec.path(host).asBoolean(), broken, pods.name() + " has " + host);
                }
                for (JsonNode volume : spec.path("volumes")) {
                    Set<String> kinds = new HashSet<>();
                    volume.fieldNames().forEachRemaining(kinds::add);
                    kinds.removeAll(VOLUMES);
                    require(kinds.isEmpty(), broken, pods.name() + " has a volume of kind " + kinds);
                }
            }
            eachContainer(manifests, (pods, container) -> {
                JsonNode security = container.path("securityContext");
                String title = title(pods, container);
                require(security.has("allowPrivilegeEscalation")
                        && !security.path("allowPrivilegeEscalation").asBoolean(),
                        broken, title + " may escalate its privileges");
                require(security.path("readOnlyRootFilesystem").asBoolean(), broken,
                        title + " may write to its root file system");
                require(security.path("capabilities").path("drop").toString().equals("[\"ALL\"]")
                        && !security.path("capabilities").has("add"), broken, title + " has capabilities");
                require(!security.path("privileged").asBoolean(), broken, title + " is privileged");
                require(!security.has("runAsUser") && !security.has("runAsNonRoot") && !security.has("seccompProfile"),
                        broken, title + " has another user or seccomp profile than its pod");
                for (JsonNode port : container.path("ports")) {
                    require(!port.has("hostPort"), broken, title + " has a hostPort");
                }
            });
        }
    },

    SERVERS_ARE_PROBED {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            for (Manifests.Pods pods : manifests.pods()) {
                if (pods.owner().path("kind").asText().equals("Pod")) {
                    continue; // it runs once
                }
                for (JsonNode container : pods.spec().path("containers")) {
                    for (String probe : List.of("startupProbe", "livenessProbe", "readinessProbe")) {
                        String title = title(pods, container) + " has a " + probe;
                        JsonNode asked = container.path(probe);
                        if (asked.has("httpGet")) {
                            String path = asked.path("httpGet").path("path").asText();
                            require(path.equals(probe.equals("readinessProbe") ? "/q/health/ready" : "/q/health/live"),
                                    broken, title + " of " + path);
                            require(port(container, asked.path("httpGet").path("port")).isPresent(), broken,
                                    title + " of a port that it does not have");
                        } else {
                            require(asked.has("exec"), broken, title(pods, container) + " has no " + probe);
                        }
                    }
                }
            }
        }
    },

    /** What a secret is comes from a Secret. */
    SECRETS_STAY_SECRET {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            eachContainer(manifests, (pods, container) -> {
                for (JsonNode variable : container.path("env")) {
                    String name = variable.path("name").asText();
                    if (SECRET_NAME.matcher(name).find() && !NO_SECRETS.contains(name)) {
                        require(variable.path("valueFrom").has("secretKeyRef"), broken,
                                title(pods, container) + " has " + name + " in plain text");
                    }
                }
            });
            for (JsonNode manifest : manifests.all()) {
                if (!manifest.path("kind").asText().equals("Secret")) {
                    require(!SECRET_VALUE.matcher(manifest.toString()).find(), broken,
                            Manifests.title(manifest) + " has a key or password in plain text");
                }
            }
        }
    },

    SELECTORS_FIND_WHAT_THEY_MEAN {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            List<Manifests.Pods> pods = manifests.pods();
            manifests.of("StatefulSet").forEach(set -> {
                JsonNode wanted = set.path("spec").path("selector").path("matchLabels");
                List<Manifests.Pods> found = pods.stream().filter(each -> each.selectedBy(wanted)).toList();
                require(found.size() == 1 && found.getFirst().owner().equals(set), broken,
                        Manifests.title(set) + " selects " + names(found));
                String service = set.path("spec").path("serviceName").asText();
                require(manifests.find("Service", service)
                    .filter(each -> each.path("spec").path("clusterIP").asText().equals("None"))
                    .isPresent(), broken, Manifests.title(set) + " has no headless service " + service);
            });
            manifests.of("Service").forEach(service -> {
                List<Manifests.Pods> found = pods.stream()
                    .filter(each -> each.selectedBy(service.path("spec").path("selector")))
                    .toList();
                require(found.size() == 1, broken, Manifests.title(service) + " selects " + names(found));
                for (JsonNode port : service.path("spec").path("ports")) {
                    require(found.stream()
                        .flatMap(each -> each.containers().stream())
                        .anyMatch(container -> port(container, port.path("targetPort")).isPresent()), broken,
                            Manifests.title(service) + " leads to the port " + port.path("targetPort")
                                    + ", which no container has");
                }
            });
            for (String kind : List.of("PodDisruptionBudget", "NetworkPolicy")) {
                manifests.of(kind).forEach(policy -> {
                    JsonNode selector = policy.path("spec")
                        .path(kind.equals("NetworkPolicy") ? "podSelector" : "selector");
                    List<Manifests.Pods> found = pods.stream()
                        .filter(each -> each.selectedBy(selector.path("matchLabels")))
                        .toList();
                    require(found.size() == 1, broken, Manifests.title(policy) + " selects " + names(found));
                });
            }
            manifests.of("ServiceMonitor").forEach(monitor -> {
                List<JsonNode> found = manifests.of("Service")
                    .filter(service -> Manifests.matches(monitor.path("spec").path("selector").path("matchLabels"),
                            service.path("metadata").path("labels")))
                    .toList();
                require(found.size() == 1, broken, Manifests.title(monitor) + " selects "
                        + found.stream().map(Manifests::name).toList());
                for (JsonNode endpoint : monitor.path("spec").path("endpoints")) {
                    require(found.stream().anyMatch(service -> hasPort(service, endpoint.path("port"))), broken,
                            Manifests.title(monitor) + " asks at a port that its service does not have");
                }
            });
        }
    },

    /** What is referred to is made here, or is called external-... by whoever gave the values. */
    REFERENCES_RESOLVE {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            for (Manifests.Pods pods : manifests.pods()) {
                Set<String> volumes = new HashSet<>();
                for (JsonNode volume : pods.spec().path("volumes")) {
                    volumes.add(volume.path("name").asText());
                    made(manifests, "Secret", volume.path("secret").path("secretName"), pods.name(), broken);
                    made(manifests, "ConfigMap", volume.path("configMap").path("name"), pods.name(), broken);
                    made(manifests, "PersistentVolumeClaim", volume.path("persistentVolumeClaim").path("claimName"),
                            pods.name(), broken);
                }
                Manifests.elements(pods.owner().path("spec").path("volumeClaimTemplates"))
                    .forEach(claim -> require(volumes.add(Manifests.name(claim)), broken,
                            pods.name() + " has two volumes " + Manifests.name(claim)));
                Set<String> mounted = new HashSet<>();
                for (JsonNode container : pods.containers()) {
                    container.path("volumeMounts").forEach(mount -> mounted.add(mount.path("name").asText()));
                    for (JsonNode variable : container.path("env")) {
                        JsonNode secret = variable.path("valueFrom").path("secretKeyRef");
                        made(manifests, "Secret", secret.path("name"), title(pods, container), broken);
                        entry(manifests, secret.path("name"), secret.path("key"), title(pods, container), broken);
                    }
                }
                require(mounted.equals(volumes), broken,
                        pods.name() + " has the volumes " + volumes + " and mounts " + mounted);
                JsonNode account = pods.spec().path("serviceAccountName");
                if (!account.asText().equals("default")) {
                    made(manifests, "ServiceAccount", account, pods.name(), broken);
                }
            }
            manifests.of("ServiceMonitor").forEach(monitor -> {
                for (JsonNode endpoint : monitor.path("spec").path("endpoints")) {
                    JsonNode credentials = endpoint.path("authorization").path("credentials");
                    made(manifests, "Secret", credentials.path("name"), Manifests.title(monitor), broken);
                    entry(manifests, credentials.path("name"), credentials.path("key"), Manifests.title(monitor),
                            broken);
                }
            });
            manifests.of("Ingress")
                .forEach(ingress -> ingress.findValues("service")
                    .forEach(backend -> require(manifests.find("Service", backend.path("name").asText())
                        .filter(service -> hasPort(service, backend.path("port").path("name")))
                        .isPresent(), broken,
                            Manifests.title(ingress) + " leads to no port of a service: " + backend)));
            manifests.of("HTTPRoute")
                .forEach(route -> route.findValues("backendRefs")
                    .forEach(backends -> backends
                        .forEach(backend -> require(manifests.find("Service", backend.path("name").asText())
                            .filter(service -> hasPort(service, backend.path("port")))
                            .isPresent(), broken,
                                Manifests.title(route) + " leads to no port of a service: " + backend))));
        }
    },

    /** Where there are policies, each long-lived pod has one, closed both ways but for the ports of its services. */
    NETWORK_IS_CLOSED {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            List<JsonNode> policies = manifests.of("NetworkPolicy").toList();
            for (Manifests.Pods pods : policies.isEmpty() ? List.<Manifests.Pods>of() : manifests.pods()) {
                if (pods.owner().path("kind").asText().equals("Pod")) {
                    continue;
                }
                List<JsonNode> own = policies.stream()
                    .filter(policy -> pods.selectedBy(policy.path("spec").path("podSelector").path("matchLabels")))
                    .toList();
                require(own.size() == 1, broken, pods.name() + " has " + own.size() + " network policies");
                Set<Integer> served = manifests.of("Service")
                    .filter(service -> pods.selectedBy(service.path("spec").path("selector")))
                    .flatMap(service -> Manifests.elements(service.path("spec").path("ports")))
                    .flatMap(port -> pods.containers()
                        .stream()
                        .flatMap(container -> port(container, port.path("targetPort")).stream()))
                    .collect(Collectors.toSet());
                for (JsonNode policy : own) {
                    JsonNode spec = policy.path("spec");
                    require(spec.path("policyTypes").toString().equals("[\"Ingress\",\"Egress\"]"), broken,
                            Manifests.title(policy) + " does not close both ways");
                    Set<Integer> open = new HashSet<>();
                    for (JsonNode rule : spec.path("ingress")) {
                        require(!rule.path("from").isEmpty(), broken, Manifests.title(policy) + " lets everybody in");
                        rule.path("ports").forEach(port -> open.add(port.path("port").asInt()));
                    }
                    require(open.equals(served), broken,
                            Manifests.title(policy) + " opens " + open + ", and services lead to " + served);
                    for (JsonNode rule : spec.path("egress")) {
                        require(!rule.path("ports").isEmpty(), broken,
                                Manifests.title(policy) + " lets out to every port");
                        require(!rule.has("to") || !rule.path("to").isEmpty(), broken,
                                Manifests.title(policy) + " has an empty list of whom to reach, which means everybody");
                    }
                }
            }
        }
    },

    VARIABLES_ARE_KNOWN_TO_THE_SERVER {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            Set<String> known = new ServerReadme().variables();
            eachContainer(manifests, (pods, container) -> {
                if (!container.path("command").path(0).asText().equals("d3s")) {
                    return;
                }
                Set<String> names = new HashSet<>();
                for (JsonNode variable : container.path("env")) {
                    String name = variable.path("name").asText();
                    require(names.add(name), broken, title(pods, container) + " has " + name + " twice");
                    require(known.contains(name) || name.startsWith("D3S_GRADER_"), broken,
                            title(pods, container) + " has " + name + ", of which server/README.md does not know");
                }
            });
        }
    },

    /** A server has time for the checkpoint of what it runs, and finds its home again. */
    JOBS_SURVIVE_AN_UPGRADE {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            manifests.of("StatefulSet").forEach(set -> {
                JsonNode spec = set.path("spec").path("template").path("spec");
                for (JsonNode container : spec.path("containers")) {
                    int drain = container.path("lifecycle").path("preStop").path("sleep").path("seconds").asInt();
                    require(drain > 0, broken, Manifests.title(set) + " stops while requests still come in");
                    require(spec.path("terminationGracePeriodSeconds").asInt() >= drain + 35, broken,
                            Manifests.title(set) + " is killed before its checkpoint is written");
                }
                JsonNode retention = set.path("spec").path("persistentVolumeClaimRetentionPolicy");
                require(retention.path("whenDeleted").asText().equals("Retain")
                        && retention.path("whenScaled").asText().equals("Retain"), broken,
                        Manifests.title(set) + " does not keep its volumes");
            });
            for (String kind : List.of("PersistentVolumeClaim", "Secret")) {
                manifests.of(kind)
                    .forEach(kept -> require(kept.path("metadata")
                        .path("annotations")
                        .path("helm.sh/resource-policy")
                        .asText()
                        .equals("keep"), broken, Manifests.title(kept) + " goes with its release"));
            }
        }
    },

    /** Services set variables such as D3S_PORT in the pods of their namespace, unless pods say that they do not want them. */
    NO_VARIABLES_FROM_SERVICES {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            for (Manifests.Pods pods : manifests.pods()) {
                require(pods.spec().has("enableServiceLinks") && !pods.spec().path("enableServiceLinks").asBoolean(),
                        broken, pods.name() + " has enableServiceLinks");
            }
        }
    },

    OBJECTS_ARE_LABELLED {
        @Override
        void check(Manifests manifests, Consumer<String> broken) {
            Set<String> seen = new HashSet<>();
            for (JsonNode manifest : manifests.all()) {
                String title = Manifests.title(manifest);
                require(seen.add(title), broken, title + " is there twice");
                require(NAME.matcher(Manifests.name(manifest)).matches(), broken, title + " is no name of an object");
                // its revisions are labels, with a hash behind the name
                require(!manifest.path("kind").asText().equals("StatefulSet")
                        || Manifests.name(manifest).length() <= 52,
                        broken, title + " has more than 52 characters");
                require(manifest.path("metadata").path("namespace").asText().equals(HelmChart.NAMESPACE), broken,
                        title + " is not in the release's namespace");
                for (String label : List.of("app.kubernetes.io/name", "app.kubernetes.io/instance",
                        "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart")) {
                    require(LABEL.matcher(manifest.path("metadata").path("labels").path(label).asText()).matches(),
                            broken, title + " has no good label " + label);
                }
            }
        }
    };

    private static final Pattern PINNED = Pattern
        .compile("[a-z0-9][^\\s@]*(:[A-Za-z0-9_][\\w.-]{0,127}|@sha256:[0-9a-f]{64})");
    private static final Set<String> VOLUMES = Set.of("name", "configMap", "secret", "emptyDir",
            "persistentVolumeClaim",
            "image");
    private static final Pattern SECRET_NAME = Pattern
        .compile("PASSWORD|SECRET|TOKEN|CREDENTIAL|HEADERS|PRIVATE|API_?KEY|USERNAME|POSTGRES_USER");
    /** Variables that are called like secrets and are none. */
    private static final Set<String> NO_SECRETS = Set.of("QUARKUS_OIDC_TOKEN_AUDIENCE", "D3S_LIMITS_TOKENS_A_DAY");
    private static final Pattern SECRET_VALUE = Pattern
        .compile("d3s-[0-9a-f]{10}-[0-9a-f]{64}|whsec_|hf_[A-Za-z0-9]{20}|://[^/\\s\"]+:[^/\\s\"]+@|[?&]password=");
    private static final Pattern NAME = Pattern.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");
    private static final Pattern LABEL = Pattern.compile("[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?");

    /** @param broken takes a sentence for each thing that breaks this rule */
    abstract void check(Manifests manifests, Consumer<String> broken);

    /** What breaks this rule; empty when nothing does. */
    List<String> broken(Manifests manifests) {
        List<String> broken = new ArrayList<>();
        check(manifests, broken::add);
        return broken;
    }

    private interface ContainerCheck {
        void check(Manifests.Pods pods, JsonNode container);
    }

    private static void eachContainer(Manifests manifests, ContainerCheck check) {
        for (Manifests.Pods pods : manifests.pods()) {
            pods.containers().forEach(container -> check.check(pods, container));
        }
    }

    private static void require(boolean right, Consumer<String> broken, String otherwise) {
        if (!right) {
            broken.accept(otherwise);
        }
    }

    private static String title(Manifests.Pods pods, JsonNode container) {
        return pods.name() + "/" + container.path("name").asText();
    }

    private static List<String> names(List<Manifests.Pods> pods) {
        return pods.stream().map(Manifests.Pods::name).toList();
    }

    /** The number of a container's port that is referred to by name or number. */
    private static Optional<Integer> port(JsonNode container, JsonNode reference) {
        return Manifests.elements(container.path("ports"))
            .filter(port -> reference.isTextual()
                    ? port.path("name").equals(reference)
                    : port.path("containerPort").equals(reference))
            .map(port -> port.path("containerPort").asInt())
            .findFirst();
    }

    private static boolean hasPort(JsonNode service, JsonNode reference) {
        return Manifests.elements(service.path("spec").path("ports"))
            .anyMatch(port -> port.path(reference.isTextual() ? "name" : "port").equals(reference));
    }

    private static void made(Manifests manifests, String kind, JsonNode name, String by, Consumer<String> broken) {
        if (!name.isMissingNode() && !name.asText().startsWith("external-")) {
            require(manifests.find(kind, name.asText()).isPresent(), broken,
                    by + " refers to " + kind + "/" + name.asText() + ", which is not made");
        }
    }

    private static void entry(Manifests manifests, JsonNode secret, JsonNode key, String by, Consumer<String> broken) {
        manifests.find("Secret", secret.asText())
            .ifPresent(made -> require(made.path("data").has(key.asText()), broken,
                    by + " refers to " + key.asText() + " of Secret/" + secret.asText() + ", which lacks it"));
    }
}
