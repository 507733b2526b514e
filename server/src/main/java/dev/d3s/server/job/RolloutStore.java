package dev.d3s.server.job;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.selection.RecordedRollout;
import dev.d3s.server.store.Database;

/** The recorded rollouts of steps: per step one piece of gzipped JSON, its tokens as columns. Thread-safe. */
final class RolloutStore {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Database database;

    RolloutStore(Database database) {
        this.database = database;
    }

    /** Stores what {@link #packed} made of a step inside a transaction, in place of what an earlier run of it left. */
    void put(Connection connection, String job, int step, byte[] packed) throws SQLException {
        Database.execute(connection, "delete from job_rollouts where job_id = ? and step = ?", job, step);
        Database.execute(connection, "insert into job_rollouts (job_id, step, content) values (?, ?, ?)", job, step,
                packed);
    }

    /** Forgets steps that will run again. */
    void deleteFrom(Connection connection, String job, int step) throws SQLException {
        Database.execute(connection, "delete from job_rollouts where job_id = ? and step >= ?", job, step);
    }

    /** The steps that are recorded, rising. */
    List<Integer> steps(String job) {
        return database.list("select step from job_rollouts where job_id = ? order by step", row -> row.getInt(1),
                job);
    }

    /** Empty when the step is not recorded. */
    Optional<List<RecordedRollout>> rollouts(String job, int step) {
        return database.one("select content from job_rollouts where job_id = ? and step = ?",
                row -> unpacked(row.getBytes(1)), job, step);
    }

    static byte[] packed(List<RecordedRollout> rollouts) {
        ArrayNode content = JSON.createArrayNode();
        for (RecordedRollout rollout : rollouts) {
            ObjectNode node = content.addObject();
            node.put("group", rollout.group())
                .put("index", rollout.index())
                .put("prompt", rollout.prompt())
                .put("completion", rollout.completion())
                .put("reward", rollout.reward())
                .put("error", rollout.error())
                .put("advantage", rollout.advantage())
                .put("trained_advantage", rollout.trainedAdvantage())
                .put("kept", rollout.kept())
                .put("finish_reason", rollout.finishReason())
                .put("length", rollout.length())
                .put("truncated", rollout.truncated());
            ArrayNode id = node.putArray("id");
            ArrayNode text = node.putArray("text");
            ArrayNode logprob = node.putArray("logprob");
            ArrayNode entropy = node.putArray("entropy");
            ArrayNode weight = node.putArray("weight");
            for (RecordedRollout.Token token : rollout.tokens()) {
                id.add(token.id());
                text.add(token.text());
                logprob.add(token.logprob());
                entropy.add(token.entropy());
                if (token.kept()) {
                    weight.add(token.weight());
                } else {
                    weight.addNull();
                }
            }
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
            JSON.writeValue(out, content);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // into memory: cannot be
        }
        return bytes.toByteArray();
    }

    private static List<RecordedRollout> unpacked(byte[] packed) throws SQLException {
        JsonNode content;
        try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(packed))) {
            content = JSON.readTree(in);
        } catch (IOException e) {
            throw new SQLException("A step's rollouts are not gzipped JSON.", e);
        }
        List<RecordedRollout> rollouts = new ArrayList<>();
        for (JsonNode node : content) {
            List<RecordedRollout.Token> tokens = new ArrayList<>();
            for (int t = 0; t < node.path("id").size(); t++) {
                JsonNode weight = node.path("weight").path(t);
                tokens.add(new RecordedRollout.Token(node.path("id").path(t).intValue(),
                        node.path("text").path(t).textValue(), node.path("logprob").path(t).floatValue(),
                        node.path("entropy").path(t).floatValue(), !weight.isNull(), weight.floatValue()));
            }
            JsonNode reward = node.path("reward");
            JsonNode trainedAdvantage = node.path("trained_advantage");
            rollouts.add(new RecordedRollout(node.path("group").intValue(), node.path("index").intValue(),
                    node.path("prompt").textValue(), node.path("completion").textValue(),
                    reward.isNull() ? null : reward.doubleValue(), node.path("error").textValue(),
                    node.path("advantage").doubleValue(),
                    trainedAdvantage.isNull() ? null : trainedAdvantage.doubleValue(),
                    node.path("kept").booleanValue(), node.path("finish_reason").textValue(),
                    node.path("length").intValue(), node.path("truncated").booleanValue(), tokens));
        }
        return rollouts;
    }
}
