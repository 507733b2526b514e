package dev.d3s.server.plugin;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import dev.d3s.spi.ConfigKey;

/** JSON Schema (draft 2020-12) of declared configuration keys. */
final class ConfigSchema {
    private ConfigSchema() {}

    static Map<String, Object> of(List<ConfigKey> keys) {
        Map<String, Object> properties = new LinkedHashMap<>();
        for (ConfigKey key : keys) {
            properties.put(key.name(), property(key));
        }
        Map<String, Object> schema = new LinkedHashMap<>();
        schema.put("type", "object");
        schema.put("properties", properties);
        schema.put("required", keys.stream().filter(key -> key.defaultValue() == null).map(ConfigKey::name).toList());
        schema.put("additionalProperties", false);
        return schema;
    }

    private static Map<String, Object> property(ConfigKey key) {
        Map<String, Object> property = new LinkedHashMap<>();
        switch (key) {
            case ConfigKey.Real real -> {
                property.put("type", "number");
                if (real.minimum() > -Double.MAX_VALUE) {
                    property.put(real.exclusiveMinimum() ? "exclusiveMinimum" : "minimum", real.minimum());
                }
                if (real.maximum() < Double.MAX_VALUE) {
                    property.put("maximum", real.maximum());
                }
            }
            case ConfigKey.Whole whole -> {
                property.put("type", "integer");
                property.put("minimum", whole.minimum());
                property.put("maximum", whole.maximum());
            }
            case ConfigKey.Text text -> property.put("type", "string");
            case ConfigKey.Choice choice -> {
                property.put("type", "string");
                property.put("enum", choice.choices());
            }
            case ConfigKey.Flag flag -> property.put("type", "boolean");
            case ConfigKey.Json json -> property.putAll(json.schema());
        }
        property.put("description", key.description());
        Object defaultValue = key.defaultValue();
        if (defaultValue != null) {
            property.put("default", defaultValue);
        }
        return property;
    }
}
