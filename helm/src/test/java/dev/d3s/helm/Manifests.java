package dev.d3s.helm;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;

/** What a chart was rendered to, in its order. */
record Manifests(List<JsonNode> all) {
    /** A member that is given twice is a mistake. */
    static final ObjectMapper YAML = new ObjectMapper(
            YAMLFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build());

    /** What makes pods: a Pod, or the template of a StatefulSet. */
    record Pods(JsonNode owner, JsonNode metadata, JsonNode spec) {
        String name() {
            return Manifests.name(owner);
        }

        /** Those that run before the others, too. */
        List<JsonNode> containers() {
            return Stream.concat(elements(spec.path("initContainers")), elements(spec.path("containers"))).toList();
        }

        JsonNode labels() {
            return metadata.path("labels");
        }

        boolean selectedBy(JsonNode labels) {
            return matches(labels, labels());
        }
    }

    Manifests {
        all = List.copyOf(all);
    }

    static Manifests parse(String text) {
        try (MappingIterator<JsonNode> documents = YAML.readerFor(JsonNode.class).readValues(text)) {
            List<JsonNode> all = new ArrayList<>();
            documents.forEachRemaining(document -> {
                if (document.isObject()) {
                    all.add(document);
                }
            });
            return new Manifests(all);
        } catch (IOException e) {
            throw new UncheckedIOException("Not YAML: " + text, e);
        }
    }

    static String name(JsonNode manifest) {
        return manifest.path("metadata").path("name").asText();
    }

    /** Its kind and name, for messages. */
    static String title(JsonNode manifest) {
        return manifest.path("kind").asText() + "/" + name(manifest);
    }

    static Stream<JsonNode> elements(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false);
    }

    /** Whether an object has all labels that a selector wants; one that wants nothing matches everything. */
    static boolean matches(JsonNode wanted, JsonNode labels) {
        return wanted.properties()
            .stream()
            .allMatch(label -> label.getValue().equals(labels.path(label.getKey())));
    }

    Stream<JsonNode> of(String kind) {
        return all.stream().filter(manifest -> manifest.path("kind").asText().equals(kind));
    }

    Optional<JsonNode> find(String kind, String name) {
        return of(kind).filter(manifest -> name(manifest).equals(name)).findFirst();
    }

    /** @throws AssertionError when it is not there */
    JsonNode the(String kind, String name) {
        return find(kind, name).orElseThrow(() -> new AssertionError("There is no " + kind + "/" + name + " among "
                + all.stream().map(Manifests::title).toList()));
    }

    List<Pods> pods() {
        List<Pods> pods = new ArrayList<>();
        of("Pod").forEach(pod -> pods.add(new Pods(pod, pod.path("metadata"), pod.path("spec"))));
        of("StatefulSet").forEach(set -> {
            JsonNode template = set.path("spec").path("template");
            pods.add(new Pods(set, template.path("metadata"), template.path("spec")));
        });
        return pods;
    }

    /** A copy in which something is otherwise. */
    Manifests with(String title, Change change) {
        List<JsonNode> changed = new ArrayList<>();
        boolean found = false;
        for (JsonNode manifest : all) {
            JsonNode copy = manifest.deepCopy();
            if (title(copy).equals(title)) {
                found = true;
                change.apply(copy);
            }
            changed.add(copy);
        }
        if (!found) {
            throw new AssertionError("There is no " + title);
        }
        return new Manifests(changed);
    }

    /** A copy that lacks something. */
    Manifests without(String title) {
        List<JsonNode> rest = all.stream().filter(manifest -> !title(manifest).equals(title)).toList();
        if (rest.size() == all.size()) {
            throw new AssertionError("There is no " + title);
        }
        return new Manifests(rest);
    }

    /** Changes a manifest in place. */
    interface Change {
        void apply(JsonNode manifest);
    }
}
