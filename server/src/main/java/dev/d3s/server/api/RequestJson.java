package dev.d3s.server.api;

import java.util.List;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.job.InvalidRequestException;
import dev.d3s.server.job.Mistake;

/** Reads request bodies, so that what is wrong with them is said in our words. Thread-safe. */
@Singleton
final class RequestJson {
    private final ObjectMapper mapper;

    @Inject
    RequestJson(ObjectMapper mapper) {
        this.mapper = mapper;
    }

    JsonNode read(String body) {
        try {
            JsonNode node = mapper.readTree(body);
            if (node == null || node.isMissingNode()) {
                throw new InvalidRequestException(
                        List.of(new Mistake(null, "invalid_json",
                                "The request has no body; it must be a JSON object.")));
            }
            return node;
        } catch (JsonProcessingException e) {
            throw new InvalidRequestException(List.of(new Mistake(null, "invalid_json",
                    "The request is not JSON, at line " + e.getLocation().getLineNr() + ", column "
                            + e.getLocation().getColumnNr() + ": " + words(e) + ".")));
        }
    }

    /** Jackson's message without the place it names a second time. */
    private static String words(JsonProcessingException e) {
        return e.getOriginalMessage().replaceAll("\\s*\\(?(start marker )?at \\[Source:.*", "");
    }

    String write(Object value) {
        try {
            return mapper.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
