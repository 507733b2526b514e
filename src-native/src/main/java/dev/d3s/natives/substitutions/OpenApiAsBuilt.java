package dev.d3s.natives.substitutions;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;

import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;

/**
 * The OpenAPI document is complete when the server is built, in both of its formats. At every start Quarkus reads it and writes
 * it again, for filters that the server does not have; an executable, of whose start that is a good part, hands out what was
 * built.
 */
@TargetClass(className = "io.quarkus.smallrye.openapi.runtime.OpenApiDocumentService")
final class OpenApiAsBuilt {
    @Substitute
    @SuppressWarnings({"UnusedMethod", "UnusedVariable"}) // the builder puts it in the place of the other
    void prepareDocument(AutoSecurityFilterAlias security, Map<?, ?> filters, String name) {}

    /** There is one document, so the name does not matter. */
    @Substitute
    @SuppressWarnings({"UnusedMethod", "UnusedVariable"}) // the builder puts it in the place of the other
    public byte[] getDocument(String name, OpenApiFormatAlias format) {
        String resource = "/META-INF/quarkus-generated-openapi-doc."
                + (format.getMimeType().endsWith("json") ? "JSON" : "YAML");
        try (InputStream document = OpenApiAsBuilt.class.getResourceAsStream(resource)) {
            if (document == null) {
                throw new IllegalStateException("There is no " + resource + " in this executable");
            }
            return document.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
