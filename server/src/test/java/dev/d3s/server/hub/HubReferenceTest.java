package dev.d3s.server.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.d3s.spi.D3sException;

class HubReferenceTest {
    @ParameterizedTest
    @CsvSource(textBlock = """
            hf://Qwen/Qwen2.5-0.5B,               Qwen/Qwen2.5-0.5B, main,         Qwen2.5-0.5B
            hf://Qwen/Qwen2.5-0.5B@v1.0,          Qwen/Qwen2.5-0.5B, v1.0,         Qwen2.5-0.5B
            hf://a/b@refs/pr/1,                   a/b,               refs/pr/1,    b
            hf://a/b@refs%2Fpr%2F1,               a/b,               refs/pr/1,    b
            hf://gpt2,                            gpt2,              main,         gpt2
            hf://a_1/b.c-d@0123456789abcdef0123456789abcdef01234567, a_1/b.c-d, 0123456789abcdef0123456789abcdef01234567, b.c-d
            """)
    void shouldReadWhatPeopleWrite(String text, String repository, String revision, String name) {
        HubReference reference = HubReference.parse(text);

        assertThat(reference.repository()).isEqualTo(repository);
        assertThat(reference.revision()).isEqualTo(revision);
        assertThat(reference.name()).isEqualTo(name);
        assertThat(HubReference.parse(reference.toString())).isEqualTo(reference);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            Qwen/Qwen2.5-0.5B          | does not begin with hf://
            https://huggingface.co/a/b | does not begin with hf://
            hf://datasets/openai/gsm8k | a model is hf://org/name. Upload a data set's rows with POST /v1/files
            hf://spaces/a/b            | a model is hf://org/name
            hf://a/b/config.json       | names a file; a model is a whole repository, hf://a/b
            hf://a/                    | does not name a repository
            hf:///b                    | does not name a repository
            hf://a/../b                | names a file
            hf://a/..                  | does not name a repository
            hf://../b                  | does not name a repository
            hf://a/b?x=1               | does not name a repository
            hf://a/b c                 | does not name a repository
            hf://a/-b                  | does not name a repository
            hf://a/b--c                | does not name a repository
            hf://a/b@                  | is not a revision
            hf://a/b@../../c           | is not a revision
            hf://a/b@x..y              | is not a revision
            hf://a/b@x y               | is not a revision
            hf://a/b@x?y=1             | is not a revision
            """)
    void shouldRefuseWhatIsNoModel(String text, String message) {
        assertThatThrownBy(() -> HubReference.parse(text)).isInstanceOf(D3sException.class)
            .hasMessageContaining(message);
    }
}
