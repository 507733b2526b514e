package dev.d3s.server.job;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.plugin.PluginDescription;
import dev.d3s.server.plugin.PluginKind;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.training.PluginChoice;
import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.InvalidConfigException;

/**
 * Reads the members of a request that name plugins: graders, selectors and schedules with their configuration. What is wrong
 * becomes a mistake of the section, by its path. Thread-safe.
 */
final class PluginReader {
    private static final Logger LOG = Logger.getLogger(PluginReader.class);
    private static final String PYTHON_REFUSED = "Graders of type 'python' are refused: this server runs no Python. Write the "
            + "reward as a plugin in Java, or, once this server has it, put it behind a URL for a grader of type 'http'.";

    private final PluginRegistry plugins;
    private final boolean stored;

    /** @param stored whether what is read was checked when it was stored, and is taken as it is */
    PluginReader(PluginRegistry plugins, boolean stored) {
        this.plugins = plugins;
        this.stored = stored;
    }

    /** A selector or schedule: a name, or an object with name and configuration. */
    PluginChoice choice(Section parent, String member, PluginKind kind, PluginChoice preset) {
        JsonNode given = parent.given(member);
        String name = preset.name();
        ObjectNode config = given == null ? toJson(preset.config()) : JsonNodeFactory.instance.objectNode();
        String nameMember = member;
        if (given instanceof ObjectNode) {
            Section choice = parent.section(member);
            name = choice.requiredText("name", "the name of a " + kind.words() + " from GET /v1/plugins");
            nameMember = member + ".name";
            JsonNode givenConfig = choice.given("config");
            if (givenConfig instanceof ObjectNode object) {
                config = object;
            } else if (givenConfig != null) {
                choice.mistake("config", "invalid_type", "'" + choice.pathOf("config") + "' must be an object.");
            }
            choice.finish();
        } else if (given != null && given.isTextual()) {
            name = given.textValue();
        } else if (given != null) {
            parent.mistake(member, "invalid_type", "'" + parent.pathOf(member) + "' must be the name of a "
                    + kind.words() + " or {\"name\": ..., \"config\": {...}}, not " + Section.shown(given) + ".");
        }
        Map<String, Object> effective = configured(parent, kind, name, nameMember, member + ".config.", config);
        ObjectNode expanded = parent.expanded().putObject(member);
        expanded.put("name", name);
        expanded.set("config", toJson(effective));
        return new PluginChoice(name, effective);
    }

    /** The member {@code grader}, which must be there. */
    PluginChoice grader(Section details) {
        JsonNode given = details.given("grader");
        if (!(given instanceof ObjectNode object)) {
            details.mistake("grader", given == null ? "missing_required_parameter" : "invalid_type",
                    "'" + details.pathOf("grader") + "' is required and must be an object such as {\"type\": "
                            + "\"string_check\", \"input\": \"{{sample.output_text}}\", \"reference\": "
                            + "\"{{item.answer}}\", \"operation\": \"eq\"}; known types: "
                            + names(PluginKind.REWARD_FUNCTION) + ".");
            return PluginChoice.of("");
        }
        String type = object.path("type").asText("");
        if (type.equals("python")) {
            details.mistake("grader.type", "unknown_plugin", PYTHON_REFUSED);
            return PluginChoice.of(type);
        }
        ObjectNode config = object.deepCopy();
        config.remove("type");
        // OpenAI's graders carry a name that only labels them; a plugin that wants it declares it
        boolean labelled = find(PluginKind.REWARD_FUNCTION, type)
            .map(plugin -> plugin.keys().stream().noneMatch(key -> key.name().equals("name")))
            .orElse(true);
        if (labelled) {
            config.remove("name");
        }
        Map<String, Object> effective = configured(details, PluginKind.REWARD_FUNCTION, type, "grader.type", "grader.",
                config);
        ObjectNode expanded = details.expanded().putObject("grader");
        expanded.put("type", type);
        if (labelled && object.hasNonNull("name")) {
            expanded.set("name", object.get("name"));
        }
        expanded.setAll(toJson(effective));
        // nested members were read as text; show them as they were written
        object.properties().forEach(member -> {
            if (member.getValue().isContainerNode()) {
                expanded.set(member.getKey(), member.getValue());
            }
        });
        return new PluginChoice(type, effective);
    }

    private Map<String, Object> configured(Section parent, PluginKind kind, String name, String nameMember,
            String configPrefix, ObjectNode config) {
        if (stored) {
            return values(config);
        }
        if (name.isEmpty() && !nameMember.equals("grader.type")) {
            return Map.of(); // its absence is a mistake already
        }
        try {
            return plugins.configured(kind, name, values(config));
        } catch (InvalidConfigException e) {
            for (ConfigProblem problem : e.problems()) {
                parent.mistake(configPrefix + problem.key(), "invalid_config", problem.message());
            }
            return Map.of();
        } catch (D3sException e) {
            // a plugin that cannot be made is a mistake among the others: the request is answered once, with all of them
            if (e.category() != ErrorCategory.USER) {
                LOG.errorf(e, "A job was refused: %s", e.text());
            }
            parent.mistake(nameMember, e.code(), e.text());
            return Map.of();
        }
    }

    private Optional<PluginDescription> find(PluginKind kind, String name) {
        return plugins.descriptions()
            .stream()
            .filter(plugin -> plugin.kind() == kind && plugin.name().equals(name))
            .findFirst();
    }

    private String names(PluginKind kind) {
        return String.join(", ", plugins.descriptions()
            .stream()
            .filter(plugin -> plugin.kind() == kind)
            .map(PluginDescription::name)
            .toList());
    }

    /** Plain values of a configuration; a nested value is handed over as its JSON text. */
    private static Map<String, Object> values(ObjectNode config) {
        Map<String, Object> values = new LinkedHashMap<>();
        config.properties().forEach(member -> {
            JsonNode value = member.getValue();
            if (value.isBoolean()) {
                values.put(member.getKey(), value.booleanValue());
            } else if (value.isIntegralNumber() && value.canConvertToLong()) {
                values.put(member.getKey(), value.longValue());
            } else if (value.isNumber()) {
                values.put(member.getKey(), value.doubleValue());
            } else if (value.isTextual()) {
                values.put(member.getKey(), value.textValue());
            } else if (!value.isNull()) {
                values.put(member.getKey(), value.toString());
            }
        });
        return values;
    }

    private static ObjectNode toJson(Map<String, Object> values) {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        values.entrySet().stream().sorted(Map.Entry.comparingByKey()).forEach(entry -> {
            switch (entry.getValue()) {
                case Boolean flag -> node.put(entry.getKey(), flag);
                case Long whole -> node.put(entry.getKey(), whole);
                case Integer whole -> node.put(entry.getKey(), whole.longValue());
                case Number real -> node.put(entry.getKey(), real.doubleValue());
                case Object text -> node.put(entry.getKey(), text.toString());
            }
        });
        return node;
    }
}
