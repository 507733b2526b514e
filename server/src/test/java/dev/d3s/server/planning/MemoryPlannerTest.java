package dev.d3s.server.planning;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.planning.EngineSettings.Refresh;
import dev.d3s.server.policy.LoraSettings;
import dev.d3s.server.policy.PolicySettings;
import dev.d3s.server.policy.Precision;
import dev.d3s.server.policy.torch.ActivationCheckpointing;
import dev.d3s.server.policy.torch.TorchPolicySettings;
import dev.d3s.server.rollout.onnx.OnnxRolloutSettings;

class MemoryPlannerTest {
    private static final long GIB = 1L << 30;
    private static final int CORES = 2;
    /** Qwen2.5-0.5B. */
    private static final ModelConfig HALF_BILLION = ModelConfig.qwen2(151_936, 896, 24, 14, 2, 64, 4864, 32_768, 1e6,
            1e-6, true, List.of(151_645));
    private static final PolicySettings LORA = new PolicySettings(Precision.FP32, LoraSettings.of(16, 32));

    private static Workload workload(PolicySettings policy, boolean reference) {
        return new Workload(HALF_BILLION, policy, reference, 8, 8, 128, 256, 32, 384, 256, 0.6);
    }

    private static MemoryPlanner planner(long limit) {
        return new MemoryPlanner(CORES, limit, 300L << 20);
    }

    private static MemoryPlanner.Outcome plan(Workload workload, long limit) {
        return planner(limit).plan(workload, EngineWishes.NONE);
    }

    @Test
    void shouldLeaveTheEnginesTheirChoiceWhenMemoryIsAmple() {
        ModelConfig small = ModelConfig.qwen2(32, 128, 4, 4, 2, 32, 384, 96, 10_000, 1e-6, true, List.of(0));
        Workload workload = new Workload(small, PolicySettings.DEFAULT, false, 16, 16, 20, 48, 192, 68, 48, 1);

        EngineSettings settings = plan(workload, 4 * GIB).plan().settings();

        assertThat(settings.trainer(small, PolicySettings.DEFAULT).logitsRows(small))
            .isEqualTo(TorchPolicySettings.forModel(small, CORES).logitsRows(small));
        assertThat(settings.trainer(small, PolicySettings.DEFAULT).withLogitsBytes(1))
            .isEqualTo(TorchPolicySettings.forModel(small, CORES).withLogitsBytes(1));
        assertThat(settings.rollouts(small, 68, 1000, null))
            .isEqualTo(OnnxRolloutSettings.forModel(small, CORES, 68, 1000));
    }

    @Test
    void shouldNeverExceedTheLimitAndNeverBecomeFasterWithLessMemory() {
        Workload workload = workload(PolicySettings.DEFAULT, false);
        EngineSettings ample = EngineSettings.ample(workload, CORES);
        double slowest = 0;
        int fitting = 0;
        for (long limit = 20 * GIB; limit >= 6 * GIB; limit -= GIB / 4) {
            MemoryPlanner.Outcome outcome = plan(workload, limit);
            if (outcome.refusal() != null) {
                // from here down nothing fits
                assertThat(outcome.plan().peak()).isGreaterThan(limit);
                assertThat(planner(limit / 2).plan(workload, EngineWishes.NONE).refusal()).isNotNull();
                break;
            }
            fitting++;
            assertThat(outcome.plan().peak()).isLessThanOrEqualTo(limit);
            double slowdown = MemoryPlanner.slowdown(outcome.plan().settings(), ample);
            assertThat(slowdown).isGreaterThanOrEqualTo(slowest);
            slowest = slowdown;
        }
        assertThat(fitting).isGreaterThan(20);
        assertThat(slowest).as("something had to be given up on the way").isGreaterThan(1.05);
    }

    @Test
    void shouldDoAFullStepOfHalfABillionParametersInTwentyGibibytesAndAdaptersInTen() {
        Workload step = new Workload(HALF_BILLION, PolicySettings.DEFAULT, false, 8, 8, 64, 64, 48, 128, 64, 1);

        assertThat(plan(step, 20 * GIB).refusal()).isNull();
        assertThat(plan(step.with(LORA), 10 * GIB).refusal()).isNull();
    }

    @Test
    void shouldRefuseWithNumbersAndTheCheapestChangeThatFits() {
        Workload workload = workload(PolicySettings.DEFAULT, true);
        long limit = 11 * GIB;
        assertThat(plan(workload.withoutReference(), limit).refusal()).isNull();

        String refusal = plan(workload, limit).refusal();

        assertThat(refusal).contains("but the server may use 11.0 GiB", "weights 1.8 GiB", "optimizer moments 3.7 GiB",
                "It fits with objective.kl_beta 0: ", "d3s.memory.limit");
    }

    @Test
    void shouldAdviseAdaptersWhereShorterCompletionsDoNotHelp() {
        long limit = 6 * GIB;
        assertThat(plan(workload(LORA, false), limit).refusal()).isNull();

        assertThat(plan(workload(PolicySettings.DEFAULT, false), limit).refusal())
            .contains("It fits with lora {\"rank\": 16}: ");
    }

    @Test
    void shouldAdviseASmallerModelWhereNothingHelps() {
        assertThat(plan(workload(PolicySettings.DEFAULT, false), GIB).refusal())
            .contains("No change to the job makes it fit: choose a smaller model");
    }

    @Test
    void shouldTakeWhatAJobGives() {
        EngineWishes wishes = new EngineWishes(null, 1, 777, 99, ActivationCheckpointing.LAYER, null, null, 3,
                Refresh.RECREATE, null);

        EngineSettings settings = planner(0).plan(workload(PolicySettings.DEFAULT, false), wishes).plan().settings();

        assertThat(settings).isEqualTo(new EngineSettings(1, 1, 777, 99, ActivationCheckpointing.LAYER, 1, CORES, 3,
                Refresh.RECREATE));
    }

    @Test
    void shouldHalveDownToTheLeast() {
        assertThat(MemoryPlanner.halves(1000, 300)).containsExactly(1000, 500, 300);
        assertThat(MemoryPlanner.halves(4, 4)).containsExactly(4);
    }
}
