package dev.d3s.server.spec;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.planning.EngineSettings;
import dev.d3s.server.planning.EngineSettings.Refresh;
import dev.d3s.server.planning.EngineWishes;
import dev.d3s.server.policy.torch.ActivationCheckpointing;
import dev.d3s.server.request.Section;

/**
 * The member {@code d3s.resources} of a job: how its engines use the machine. What a job leaves out, the planner chooses; what
 * it chose is written back, so that submitting the job again repeats it to the last bit. Stateless.
 */
final class ResourcesReader {
    private static final String NAME = "resources";
    private static final int MOST = 1 << 30;

    private ResourcesReader() {}

    static EngineWishes read(Section d3s) {
        Section resources = d3s.section(NAME);
        EngineWishes wishes = new EngineWishes(whole(resources, "trainer_workers", 64),
                whole(resources, "trainer_threads", 1024), whole(resources, "tokens_per_micro_batch", MOST),
                whole(resources, "lm_head_rows", MOST), checkpointing(resources),
                whole(resources, "rollout_workers", 1024), whole(resources, "rollout_threads", 1024),
                whole(resources, "rollout_slots", 4096), refresh(resources),
                whole(resources, "threads", 1024));
        resources.finish();
        // written when all of it is known
        d3s.expanded().remove(NAME);
        return wishes;
    }

    static void write(EngineSettings settings, ObjectNode d3s) {
        d3s.putObject(NAME)
            .put("trainer_workers", settings.trainerWorkers())
            .put("trainer_threads", settings.trainerThreads())
            .put("tokens_per_micro_batch", settings.tokensPerMicroBatch())
            .put("lm_head_rows", settings.headRows())
            .put("activation_checkpointing", Section.word(settings.activationCheckpointing()))
            .put("rollout_workers", settings.rolloutWorkers())
            .put("rollout_threads", settings.rolloutThreads())
            .put("rollout_slots", settings.slotsPerWorker())
            .put("refresh", Section.word(settings.refresh()));
    }

    private static @Nullable Integer whole(Section resources, String name, int most) {
        return resources.given(name) == null ? null : resources.whole(name, 1, 1, most);
    }

    private static @Nullable ActivationCheckpointing checkpointing(Section resources) {
        String name = "activation_checkpointing";
        return resources.given(name) == null ? null : resources.choice(name, ActivationCheckpointing.NONE);
    }

    private static @Nullable Refresh refresh(Section resources) {
        return resources.given("refresh") == null ? null : resources.choice("refresh", Refresh.MEASURED);
    }
}
