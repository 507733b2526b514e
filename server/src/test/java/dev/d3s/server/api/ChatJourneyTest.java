package dev.d3s.server.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.RealServer;
import dev.d3s.server.example.ExampleModels;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;

/** The conversation of the examples, with engines, a tokenizer of bytes and a chat template that a published model has. */
@QuarkusTest
@TestProfile(RealServer.class)
class ChatJourneyTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @BeforeEach
    void makeModel() throws Exception {
        Path directory = RealServer.models().resolve("bytes");
        if (!Files.exists(directory)) {
            Path temporary = Files.createTempDirectory("d3s-chat");
            ExampleModels.bytes(temporary, 7);
            try (InputStream template = Objects.requireNonNull(
                    getClass().getResourceAsStream("/templates/Qwen-Qwen2.5-7B-Instruct.jinja"))) {
                Files.write(temporary.resolve("chat_template.jinja"), template.readAllBytes());
            }
            Files.move(temporary, directory);
        }
    }

    private static String body(String more) {
        return "{\"model\": \"bytes\", \"messages\": [{\"role\": \"user\", \"content\": \"What is 12+34?\"}], "
                + "\"seed\": 3, \"max_tokens\": 12" + more + "}";
    }

    @Test
    void shouldHoldAConversationStreamedAndNot() throws Exception {
        JsonNode whole = JSON.readTree(given().contentType(ContentType.JSON)
            .body(body(", \"return_token_ids\": true"))
            .post("/v1/chat/completions")
            .then()
            .statusCode(200)
            .extract()
            .asString());
        StringBuilder prompt = new StringBuilder(); // a token is a byte, behind two that are special
        whole.at("/choices/0/prompt_token_ids").forEach(id -> prompt.append((char) (id.asInt() - 2)));
        assertThat(prompt.toString()).contains("<|im_start|>user\nWhat is 12+34?<|im_end|>\n<|im_start|>assistant\n");
        String text = whole.at("/choices/0/message/content").asText();
        assertThat(whole.at("/usage/completion_tokens").asInt()).isPositive();

        String stream = given().contentType(ContentType.JSON)
            .body(body(", \"stream\": true"))
            .post("/v1/chat/completions")
            .then()
            .statusCode(200)
            .contentType("text/event-stream")
            .extract()
            .asString();
        List<String> chunks = stream.lines()
            .filter(line -> line.startsWith("data: "))
            .map(line -> line.substring("data: ".length()))
            .toList();
        assertThat(chunks.getLast()).isEqualTo("[DONE]");
        String together = chunks.stream().limit(chunks.size() - 1L).map(chunk -> {
            try {
                return JSON.readTree(chunk).at("/choices/0/delta/content").asText("");
            } catch (java.io.IOException e) {
                throw new AssertionError(chunk, e);
            }
        }).collect(Collectors.joining());
        assertThat(together).isEqualTo(text);
    }

    @Test
    void shouldSayThatAModelHasNoTemplate() {
        given().contentType(ContentType.JSON)
            .body(body("").replace("\"bytes\"", "\"arithmetic-base\""))
            .post("/v1/chat/completions")
            .then()
            .statusCode(400)
            .body("error.code", equalTo("chat_template_missing"))
            .body("error.message", containsString("template"));
    }
}
