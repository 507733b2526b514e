package dev.d3s.server.eval;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.evaluation.EvaluatedRow;

/** How a row of an evaluation is stored: gzipped JSON. */
final class EvalRowFormat {
    private static final ObjectMapper JSON = new ObjectMapper()
        .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);
    private static final TypeReference<Map<String, Object>> ITEM = new TypeReference<>() {
    };

    private EvalRowFormat() {}

    static byte[] packed(EvaluatedRow row) {
        ObjectNode node = JSON.createObjectNode();
        node.put("index", row.index())
            .put("line", row.line())
            .put("prompt", row.prompt())
            .put("prompt_tokens", row.promptTokens())
            .set("item", JSON.valueToTree(row.item()));
        ArrayNode completions = node.putArray("completions");
        for (EvaluatedRow.Completion completion : row.completions()) {
            ObjectNode one = completions.addObject();
            one.put("greedy", completion.greedy())
                .put("text", completion.text())
                .put("tokens", completion.tokens())
                .put("truncated", completion.truncated())
                .put("error", completion.error());
            if (Double.isFinite(completion.reward())) {
                one.put("reward", completion.reward());
            }
            if (!completion.parts().isEmpty()) {
                ObjectNode parts = one.putObject("parts");
                completion.parts().forEach((name, value) -> parts.put(name, value));
            }
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
            JSON.writeValue(out, node);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // into memory: cannot be
        }
        return bytes.toByteArray();
    }

    static EvaluatedRow unpacked(byte[] packed) throws SQLException {
        JsonNode node;
        try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(packed))) {
            node = JSON.readTree(in);
        } catch (IOException e) {
            throw new SQLException("A row of an evaluation is not gzipped JSON.", e);
        }
        List<EvaluatedRow.Completion> completions = new ArrayList<>();
        for (JsonNode one : node.path("completions")) {
            Map<String, Double> parts = new LinkedHashMap<>();
            one.path("parts").properties().forEach(part -> parts.put(part.getKey(), part.getValue().doubleValue()));
            completions.add(new EvaluatedRow.Completion(one.path("greedy").booleanValue(),
                    one.path("text").textValue(), one.path("tokens").intValue(), one.path("truncated").booleanValue(),
                    one.has("reward") ? one.path("reward").doubleValue() : Double.NaN, one.path("error").textValue(),
                    parts));
        }
        return new EvaluatedRow(node.path("index").intValue(), node.path("line").intValue(),
                node.path("prompt").textValue(), node.path("prompt_tokens").intValue(),
                JSON.convertValue(node.path("item"), ITEM), completions);
    }
}
