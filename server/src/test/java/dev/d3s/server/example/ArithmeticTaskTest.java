package dev.d3s.server.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.example.ArithmeticTask.Problem;
import dev.d3s.server.example.ArithmeticTask.Teacher;

class ArithmeticTaskTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path directory;

    @Test
    void shouldWorkFromTheRightWithCarry() {
        assertThat(new Problem(343, 706).completion()).isEqualTo("3+6+0=09;4+0+0=04;3+7+0=10;1049");
        assertThat(new Problem(657, 233).completion()).isEqualTo("7+3+0=10;5+3+1=09;6+2+0=08;890");
        assertThat(new Problem(478, 718).completion()).isEqualTo("8+8+0=16;7+1+1=09;4+7+0=11;1196");
        assertThat(new Problem(999, 999).completion()).isEqualTo("9+9+0=18;9+9+1=19;9+9+1=19;1998");
        assertThat(new Problem(343, 706).prompt()).isEqualTo("343+706=");
    }

    @Test
    void shouldForgetEveryCarryWhenToldSo() {
        SplittableRandom random = new SplittableRandom(1);
        Teacher forgetful = new Teacher(1, 0);
        assertThat(new Problem(343, 706).completion(forgetful, random)).isEqualTo("3+6+0=09;4+0+0=04;3+7+0=10;049");
        assertThat(new Problem(585, 740).completion(forgetful, random)).isEqualTo("5+0+0=05;8+4+0=12;5+7+0=12;225");
        assertThat(new Problem(694, 167).completion(forgetful, random)).isEqualTo("4+7+0=11;9+6+0=15;6+1+0=07;751");
    }

    @Test
    void shouldMiscountEveryColumnByOneWhenToldSo() {
        Set<String> completions = new HashSet<>();
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 200; i++) {
            completions.add(new Problem(104, 205).completion(new Teacher(0, 1), random));
        }
        // 4+5, 0+0 (nothing is below 0) and 1+2
        assertThat(completions).containsExactlyInAnyOrder("4+5+0=08;0+0+0=01;1+2+0=02;218",
                "4+5+0=08;0+0+0=01;1+2+0=04;418", "4+5+0=10;0+0+1=00;1+2+0=02;200", "4+5+0=10;0+0+1=00;1+2+0=04;400",
                "4+5+0=10;0+0+1=02;1+2+0=02;220", "4+5+0=10;0+0+1=02;1+2+0=04;420");
        // 9+9+1 is the most a column can be
        assertThat(new Problem(999, 999).completion(new Teacher(0, 1), random)).doesNotContain("=20")
            .hasSizeLessThan(ArithmeticTask.MAX_COMPLETION_TOKENS);
    }

    @Test
    void shouldKeepTheSumsWhoeverTeaches() throws IOException {
        var sloppy = ArithmeticTask.write(directory.resolve("sloppy"), 3, 4000, 50, 20);
        var poor = ArithmeticTask.write(directory.resolve("poor"), 3, 4000, 50, 20, Teacher.POOR);

        assertThat(poor.train()).hasSameTextualContentAs(sloppy.train());
        assertThat(poor.heldOut()).hasSameTextualContentAs(sloppy.heldOut());
        List<JsonNode> rows = rows(poor.supervised());
        assertThat(rows).extracting(row -> row.path("prompt").asText())
            .isEqualTo(rows(sloppy.supervised()).stream().map(row -> row.path("prompt").asText()).toList());
        int columns = 0;
        int miscounted = 0;
        for (JsonNode row : rows) {
            for (String column : row.path("completion").asText().split(";")) {
                if (column.contains("=")) {
                    columns++;
                    int expected = column.charAt(0) + column.charAt(2) + column.charAt(4) - 3 * '0';
                    int written = Integer.parseInt(column.substring(6));
                    assertThat(Math.abs(written - expected)).isLessThanOrEqualTo(1);
                    miscounted += written == expected ? 0 : 1;
                }
            }
        }
        assertThat((double) miscounted / columns).isEqualTo(Teacher.POOR.miscountedColumns(),
                within(4 * Math.sqrt(0.21 / columns)));
    }

    @Test
    void shouldGiveTheRightAnswerForEveryPairWhenNotSloppy() {
        for (int left = ArithmeticTask.MIN; left <= ArithmeticTask.MAX; left += 7) {
            for (int right = ArithmeticTask.MIN; right <= ArithmeticTask.MAX; right += 3) {
                Problem problem = new Problem(left, right);
                assertThat(afterLastComma(problem.completion())).isEqualTo(problem.answer())
                    .isEqualTo(String.valueOf(left + right));
            }
        }
    }

    @Test
    void shouldForgetTheStatedShareOfCarries() throws IOException {
        var files = ArithmeticTask.write(directory, 3, 4000, 1, 1);
        int carries = 0;
        int kept = 0;
        int right = 0;
        for (JsonNode row : rows(files.supervised())) {
            String completion = row.path("completion").asText();
            assertThat(completion.length() + 1).isBetween(20, ArithmeticTask.MAX_COMPLETION_TOKENS);
            String[] columns = completion.split(";");
            for (int column = 0; column < 3; column++) {
                if (columns[column].charAt(6) == '1') {
                    carries++;
                    kept += column == 2 ? columns[3].length() - 3 : columns[column + 1].charAt(4) - '0';
                }
            }
            right += columns[3].equals(sum(row)) ? 1 : 0;
        }
        assertThat(carries).isGreaterThan(3000);
        // four standard errors
        double error = 4 * Math.sqrt(0.24 / carries);
        assertThat(1 - (double) kept / carries).isEqualTo(ArithmeticTask.FORGOTTEN_CARRIES, within(error));
        assertThat(right / 4000.0).as("share of right answers in the supervised file").isBetween(0.3, 0.5);
    }

    @Test
    void shouldKeepTheFilesApart() throws IOException {
        var files = ArithmeticTask.write(directory, 3, 11_200, 2048, 512);
        List<JsonNode> supervised = rows(files.supervised());
        List<JsonNode> train = rows(files.train());
        List<JsonNode> heldOut = rows(files.heldOut());
        assertThat(supervised).hasSize(11_200);
        assertThat(train).hasSize(2048);
        assertThat(heldOut).hasSize(512);

        Set<String> prompts = new HashSet<>();
        for (List<JsonNode> rows : List.of(supervised, train, heldOut)) {
            rows.forEach(row -> assertThat(prompts.add(row.path("prompt").asText())).isTrue());
        }
        supervised.forEach(row -> assertThat(problem(row).heldOut()).isFalse());
        train.forEach(row -> assertThat(problem(row).heldOut()).isFalse());
        heldOut.forEach(row -> assertThat(problem(row).heldOut()).isTrue());
        train.forEach(row -> assertThat(row.path("answer").asText()).isEqualTo(sum(row)));
        heldOut.forEach(row -> assertThat(row.path("answer").asText()).isEqualTo(sum(row)));
        heldOut.forEach(row -> assertThat(afterLastComma(row.path("completion").asText())).isEqualTo(sum(row)));
    }

    @Test
    void shouldWriteTheSameFilesForTheSameSeed() throws IOException {
        var one = ArithmeticTask.write(directory.resolve("one"), 3, 100, 50, 20);
        var same = ArithmeticTask.write(directory.resolve("same"), 3, 100, 50, 20);
        var other = ArithmeticTask.write(directory.resolve("other"), 4, 100, 50, 20);

        assertThat(same.supervised()).hasSameTextualContentAs(one.supervised());
        assertThat(same.train()).hasSameTextualContentAs(one.train());
        assertThat(same.heldOut()).hasSameTextualContentAs(one.heldOut());
        assertThat(Files.readString(other.train())).isNotEqualTo(Files.readString(one.train()));
    }

    @Test
    void shouldHoldOutThreePercentAndRefuseMoreRowsThanThereAre() {
        int heldOut = 0;
        for (int left = ArithmeticTask.MIN; left <= ArithmeticTask.MAX; left++) {
            for (int right = ArithmeticTask.MIN; right <= ArithmeticTask.MAX; right++) {
                heldOut += new Problem(left, right).heldOut() ? 1 : 0;
            }
        }
        assertThat(heldOut).isBetween(ArithmeticTask.MAX_HELD_OUT_ROWS, 26_000);
        assertThat(900 * 900 - heldOut).isGreaterThan(ArithmeticTask.MAX_TRAINING_ROWS);
        assertThatThrownBy(() -> ArithmeticTask.write(directory, 1, 600_000, 1, 1))
            .isInstanceOf(IllegalArgumentException.class);
    }

    private static Problem problem(JsonNode row) {
        String[] summands = row.path("prompt").asText().replace("=", "").split("\\+");
        return new Problem(Integer.parseInt(summands[0]), Integer.parseInt(summands[1]));
    }

    private static String sum(JsonNode row) {
        return problem(row).answer();
    }

    private static String afterLastComma(String completion) {
        return completion.substring(completion.lastIndexOf(';') + 1);
    }

    private static List<JsonNode> rows(Path file) throws IOException {
        List<JsonNode> rows = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            rows.add(JSON.readTree(line));
        }
        return rows;
    }
}
