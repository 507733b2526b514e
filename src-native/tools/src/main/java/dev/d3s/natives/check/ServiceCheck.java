package dev.d3s.natives.check;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Holds the metadata to {@code META-INF/services}: Quarkus turns the builder's own support of ServiceLoader off, so that each
 * provider's constructor and the file that names it must be registered, by an extension or by us.
 */
final class ServiceCheck {
    private static final String SERVICES = "META-INF/services/";

    private ServiceCheck() {}

    static List<Finding> check(ClassPath path, Metadata metadata, Reviewed reviewed) {
        List<Finding> findings = new ArrayList<>();
        for (ClassPath.Jar jar : path.jars()) {
            for (String entry : jar.resources()) {
                String service = entry.startsWith(SERVICES) ? entry.substring(SERVICES.length()) : "";
                if (service.isEmpty() || service.contains("/") || reviewed.has("service", service)) {
                    continue;
                }
                if (!metadata.hasResource(entry)) {
                    findings.add(new Finding(Finding.Kind.SERVICE, service, jar.name()
                            + " offers it, and no metadata has its file: add {\"glob\": \"" + entry
                            + "\"} to \"resources\", or say in the reviewed list why nobody looks for it"));
                }
                for (String provider : providers(jar, entry)) {
                    if (!metadata.type(provider).hasConstructor("()", false)
                            && !metadata.type(provider).hasMethod("provider", "()", false)) {
                        findings.add(new Finding(Finding.Kind.SERVICE, service + " " + provider, jar.name()
                                + " offers it, and no metadata registers it: add {\"type\": \"" + provider
                                + "\", \"methods\": [{\"name\": \"<init>\", \"parameterTypes\": []}]} to \"reflection\", or say"
                                + " in the reviewed list why nobody looks for it"));
                    }
                }
            }
        }
        return findings;
    }

    private static List<String> providers(ClassPath.Jar jar, String entry) {
        return new String(jar.read(entry), StandardCharsets.UTF_8).lines()
            .map(line -> line.replaceAll("#.*", "").strip())
            .filter(line -> !line.isEmpty())
            .toList();
    }
}
