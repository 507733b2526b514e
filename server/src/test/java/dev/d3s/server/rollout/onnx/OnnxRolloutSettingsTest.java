package dev.d3s.server.rollout.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.RefreshMode;

class OnnxRolloutSettingsTest {
    @Test
    void shouldGiveSmallModelsAWorkerPerCore() {
        OnnxRolloutSettings settings = OnnxRolloutSettings.forModel(Fixtures.config(259, true), 4, 500, 1000);

        assertThat(settings).isEqualTo(new OnnxRolloutSettings(4, 1, 64, 64, null, 1000));
        assertThat(settings.withConcurrency(10)).isEqualTo(new OnnxRolloutSettings(4, 1, 3, 64, null, 1000));
        assertThat(settings.withConcurrency(1)).isEqualTo(new OnnxRolloutSettings(1, 1, 1, 64, null, 1000));
        assertThat(settings.with(RefreshMode.IN_PLACE).refreshMode()).isEqualTo(RefreshMode.IN_PLACE);
    }

    @Test
    void shouldGiveLargeModelsAllCoresForOneWorkerAndSlotsThatFit() {
        ModelConfig half = ModelConfig.qwen2(151_936, 896, 24, 14, 2, 64, 4864, 32_768, 1e6, 1e-6, true, List.of(1));
        OnnxRolloutSettings settings = OnnxRolloutSettings.forModel(half, 4, 2048, 1000);

        assertThat(settings.workers()).isEqualTo(1);
        assertThat(settings.intraOpThreads()).isEqualTo(4);
        long bytes = 2L * half.layers() * KeyValueBuffers.slotBytes(half, 2048) * settings.slotsPerWorker();
        assertThat(bytes).isBetween(1L << 30, 2L << 30);
        assertThat(OnnxRolloutSettings.forModel(half, 4, 100_000, 0).maxSequenceLength()).isEqualTo(32_768);
    }

    @Test
    void shouldRefuseSettingsThatCannotWork() {
        assertThatThrownBy(() -> new OnnxRolloutSettings(0, 1, 1, 2, null, 0))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new OnnxRolloutSettings(1, 1, 1, 1, null, 0))
            .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void shouldBreakEvenWhereTheFasterSessionHasPaidForItself() {
        RefreshMeasurement measurement = RefreshMeasurement.of(1000, 2000, 0.5, 1001);

        assertThat(measurement.breakEvenTokens()).isCloseTo(1000, within(1e-6));
        assertThat(measurement.chosen()).isEqualTo(RefreshMode.RECREATE);
        assertThat(RefreshMeasurement.of(1000, 2000, 0.5, 999).chosen()).isEqualTo(RefreshMode.IN_PLACE);
        assertThat(RefreshMeasurement.of(1000, 900, 0.5, Long.MAX_VALUE).chosen()).isEqualTo(RefreshMode.IN_PLACE);
    }
}
