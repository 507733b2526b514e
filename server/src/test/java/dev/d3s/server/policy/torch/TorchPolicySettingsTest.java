package dev.d3s.server.policy.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;

import org.junit.jupiter.api.Test;

import dev.d3s.server.model.ModelConfig;

class TorchPolicySettingsTest {
    private static final ModelConfig SMALL = ModelConfig.qwen2(35, 96, 3, 4, 2, 24, 256, 128, 1e4, 1e-6, true,
            List.of(0));
    private static final ModelConfig HALF_BILLION = ModelConfig.qwen2(151_936, 1024, 24, 14, 2, 64, 4864, 32_768, 1e6,
            1e-6, true, List.of(0));

    @Test
    void shouldGiveASmallModelAWorkerPerCore() {
        TorchPolicySettings settings = TorchPolicySettings.forModel(SMALL, 2);
        assertThat(settings.workers()).isEqualTo(2);
        assertThat(settings.intraOpThreads()).isEqualTo(1);
        assertThat(settings.tokensPerMicroBatch()).isEqualTo(16_384);
        assertThat(TorchPolicySettings.forModel(SMALL, 64).workers()).isEqualTo(8);
    }

    @Test
    void shouldGiveALargeModelThreadsInsteadOfGradientsPerCore() {
        TorchPolicySettings settings = TorchPolicySettings.forModel(HALF_BILLION, 16);
        assertThat(settings.workers()).isEqualTo(1);
        assertThat(settings.intraOpThreads()).isEqualTo(16);
        assertThat(settings.tokensPerMicroBatch()).isBetween(512, 2048);
    }

    @Test
    void shouldFitTheRowsOfTheHeadIntoTheBudget() {
        TorchPolicySettings settings = new TorchPolicySettings(1, 1, 100, 1 << 20);
        assertThat(settings.logitsRows(HALF_BILLION)).isEqualTo(1);
        assertThat(settings.logitsRows(SMALL)).isEqualTo((1 << 20) / (2 * 4 * 35));
    }

    @Test
    void shouldRefuseNothingToWorkWith() {
        assertThatThrownBy(() -> new TorchPolicySettings(0, 1, 1, 1)).isInstanceOf(IllegalArgumentException.class);
    }
}
