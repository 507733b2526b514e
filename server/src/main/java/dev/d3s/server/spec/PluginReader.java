package dev.d3s.server.spec;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.plugin.PluginDescription;
import dev.d3s.server.plugin.PluginKind;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.request.Section;
import dev.d3s.server.training.PluginChoice;
import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.InvalidConfigException;

/**
 * Reads the members of a request that name plugins: graders, selectors and schedules with their configuration. What is wrong
 * becomes a mistake of the section, by its path. Thread-safe.
 */
public final class PluginReader {
    private static final Logger LOG = Logger.getLogger(PluginReader.class);

    private final PluginRegistry plugins;
    private final boolean stored;
    private final String organization;

    private PluginReader(PluginRegistry plugins, boolean stored, String organization) {
        this.plugins = plugins;
        this.stored = stored;
        this.organization = organization;
    }

    /** Of requests: what they name is checked as that organization sees it. */
    public static PluginReader of(PluginRegistry plugins, String organization) {
        return new PluginReader(plugins, false, organization);
    }

    /** Of what was checked when it was stored, and is taken as it is. */
    static PluginReader ofStored(PluginRegistry plugins) {
        return new PluginReader(plugins, true, "");
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
    public PluginChoice grader(Section details) {
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
        ObjectNode config = object.deepCopy();
        config.remove("type");
        // OpenAI's graders carry a name that only labels them; a plugin that wants it declares it
        boolean labelled = plugins.isLabelled(type);
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
            return plugins.configured(kind, name, values(config), organization);
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

    private String names(PluginKind kind) {
        return String.join(", ", plugins.descriptions()
            .stream()
            .filter(plugin -> plugin.kind() == kind)
            .map(PluginDescription::name)
            .toList());
    }

    /** Plain values of a configuration, nested ones as lists and maps. */
    public static Map<String, Object> values(ObjectNode config) {
        Map<String, Object> values = new LinkedHashMap<>();
        config.properties().forEach(member -> {
            Object value = value(member.getValue());
            if (value != null) {
                values.put(member.getKey(), value);
            }
        });
        return values;
    }

    private static @Nullable Object value(JsonNode node) {
        return switch (node.getNodeType()) {
            case OBJECT -> values((ObjectNode) node);
            case ARRAY -> {
                List<@Nullable Object> elements = new ArrayList<>();
                node.forEach(element -> elements.add(value(element)));
                yield elements;
            }
            case BOOLEAN -> node.booleanValue();
            case NUMBER -> node.isIntegralNumber() && node.canConvertToLong()
                    ? (Object) node.longValue()
                    : (Object) node.doubleValue();
            case STRING -> node.textValue();
            case NULL, MISSING, BINARY, POJO -> null;
        };
    }

    private static ObjectNode toJson(Map<String, Object> values) {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        values.entrySet()
            .stream()
            .sorted(Map.Entry.comparingByKey())
            .forEach(entry -> node.set(entry.getKey(), toJson(entry.getValue())));
        return node;
    }

    private static JsonNode toJson(@Nullable Object value) {
        JsonNodeFactory json = JsonNodeFactory.instance;
        return switch (value) {
            case null -> json.nullNode();
            case Boolean flag -> json.booleanNode(flag);
            case Long whole -> json.numberNode(whole.longValue());
            case Integer whole -> json.numberNode(whole.longValue());
            case Number real -> json.numberNode(real.doubleValue());
            case List<?> elements -> {
                ArrayNode array = json.arrayNode();
                elements.forEach(element -> array.add(toJson(element)));
                yield array;
            }
            case Map<?, ?> members -> {
                // in the order in which they were written, which may matter to whoever reads them
                ObjectNode object = json.objectNode();
                members.forEach((name, member) -> object.set(String.valueOf(name), toJson(member)));
                yield object;
            }
            default -> json.textNode(value.toString());
        };
    }
}
