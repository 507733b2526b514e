package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.models.media.Schema;
import org.eclipse.microprofile.openapi.models.media.Schema.SchemaType;
import org.jboss.jandex.AnnotationInstance;
import org.jboss.jandex.ClassInfo;
import org.jboss.jandex.DotName;
import org.jboss.jandex.FieldInfo;
import org.jboss.jandex.IndexView;
import org.jboss.jandex.RecordComponentInfo;
import org.jboss.jandex.Type;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;

/**
 * What the records behind the schemas of answers say and the generator does not read: which members are always there, and which may
 * be null.
 */
final class AnswerSchemas {
    private static final String PACKAGE = AnswerSchemas.class.getPackageName();
    private static final DotName SCHEMA = DotName
        .createSimple(org.eclipse.microprofile.openapi.annotations.media.Schema.class);
    private static final DotName INCLUDE = DotName.createSimple(JsonInclude.class);
    private static final DotName PROPERTY = DotName.createSimple(JsonProperty.class);
    private static final DotName NULLABLE = DotName.createSimple(Nullable.class);

    private final IndexView classes;

    AnswerSchemas(IndexView classes) {
        this.classes = classes;
    }

    void describe(Map<String, Schema> schemas) {
        for (ClassInfo type : classes.getKnownClasses()) {
            if (!type.isRecord() || !type.name().packagePrefix().equals(PACKAGE)) {
                continue;
            }
            // of a generic record there is one schema for each use of it
            Pattern names = Pattern.compile(Pattern.quote(schemaName(type)) + "\\d*");
            schemas.forEach((name, schema) -> {
                if (names.matcher(name).matches() && schema.getProperties() != null) {
                    describe(type, schema);
                }
            });
        }
    }

    private static String schemaName(ClassInfo type) {
        AnnotationInstance annotation = type.declaredAnnotation(SCHEMA);
        return annotation == null || annotation.value("name") == null
                ? type.simpleName()
                : annotation.value("name").asString();
    }

    private static void describe(ClassInfo type, Schema schema) {
        boolean sparse = leavesOut(type.declaredAnnotation(INCLUDE));
        List<String> required = new ArrayList<>();
        for (RecordComponentInfo component : type.recordComponents()) {
            FieldInfo field = type.field(component.name());
            AnnotationInstance named = field.annotation(PROPERTY);
            String name = named == null || named.value() == null
                    ? PropertyNamingStrategies.SnakeCaseStrategy.INSTANCE.translate(field.name())
                    : named.value().asString();
            Schema property = schema.getProperties().get(name);
            if (property == null) {
                continue; // it is written under another one
            }
            boolean optional = sparse || leavesOut(field.annotation(INCLUDE));
            if (!optional) {
                required.add(name);
            }
            schema.addProperty(name, optional ? within(property, field.type()) : nullable(property, field.type()));
        }
        schema.setRequired(required.isEmpty() ? null : required);
    }

    private static boolean leavesOut(@Nullable AnnotationInstance include) {
        return include != null && include.value() != null && include.value().asEnum().startsWith("NON_");
    }

    private static Schema nullable(Schema schema, Type type) {
        Schema inside = within(schema, type);
        return type.hasAnnotation(NULLABLE) ? orNull(inside) : inside;
    }

    /** The same for elements of lists and values of maps. */
    private static Schema within(Schema schema, Type type) {
        if (type.kind() == Type.Kind.PARAMETERIZED_TYPE) {
            Type element = type.asParameterizedType().arguments().getLast();
            if (schema.getItems() != null) {
                schema.setItems(nullable(schema.getItems(), element));
            } else if (schema.getAdditionalPropertiesSchema() != null) {
                schema.setAdditionalPropertiesSchema(nullable(schema.getAdditionalPropertiesSchema(), element));
            }
        }
        return schema;
    }

    /** The same schema, or null. */
    static Schema orNull(Schema schema) {
        if (schema.getRef() != null) {
            return OASFactory.createSchema()
                .addAnyOf(schema)
                .addAnyOf(OASFactory.createSchema().addType(SchemaType.NULL));
        }
        return schema.getType() == null || schema.getType().contains(SchemaType.NULL)
                ? schema
                : schema.addType(SchemaType.NULL);
    }
}
