package dev.d3s.server.config;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/**
 * What whoever runs the server can set: a system property {@code -Dd3s.home=...}, an environment variable
 * {@code D3S_HOME=...} or a line in {@code application.properties}. Read once, at start; the rest of the server sees
 * {@link ServerSettings}.
 */
@ConfigMapping(prefix = "d3s")
public interface D3sConfig {
    /** Everything the server keeps: its database, uploaded files and the checkpoints of jobs. */
    @WithDefault("${user.home}/.d3s")
    Path home();

    /** Base models. */
    Models models();

    /** The hub that models are downloaded from. */
    Hub hub();

    /** Plugins beyond the built-in ones. */
    Plugins plugins();

    /** What the server may reach for its users. */
    Network network();

    /** Uploaded files. */
    Files files();

    /** Data sets on the server's own disk. */
    Data data();

    /** Live event streams. */
    Events events();

    /** Completions for clients. */
    Serving serving();

    /** Memory that jobs are planned for. */
    Memory memory();

    /** Processor threads the engines may use; all processors when absent. */
    OptionalInt threads();

    /** The organization in the ids of fine-tuned models, {@code ft:<base>:<organization>:<suffix>:<id>}. */
    @WithDefault("d3s")
    String organization();

    /** Base models. */
    interface Models {
        /** Each directory in it is a base model in Hugging Face layout; {@code <home>/models} when absent. */
        Optional<Path> directory();

        /** Further directories, separated by commas, whose content may be registered with {@code POST /v1/models}. */
        Optional<List<Path>> allowed();
    }

    /** The hub that models are downloaded from. */
    interface Hub {
        /** Its address; the variable {@code HF_ENDPOINT} of other tools counts where this is absent. */
        @WithDefault("${HF_ENDPOINT:https://huggingface.co}")
        URI endpoint();

        /** Opens gated and private models; the variable {@code HF_TOKEN} of other tools counts where this is absent. */
        @WithDefault("${HF_TOKEN:}")
        Optional<String> token();
    }

    /** Plugins beyond the built-in ones. */
    interface Plugins {
        /** Jars in it are loaded at start; none when absent. */
        Optional<Path> directory();

        /** Limit of one call into a selector, schedule or factory; a job's grader has its own. */
        @WithDefault("PT30S")
        Duration timeout();
    }

    /** What the server may reach for its users. */
    interface Network {
        /**
         * Services inside this server's network that graders and webhooks may reach, {@code host:port} separated by commas;
         * those of the open internet they may reach anyway.
         */
        Optional<List<String>> allow();
    }

    /** Uploaded files. */
    interface Files {
        /** Largest upload, with a unit: {@code 200M}, {@code 5G}. */
        @WithDefault("5G")
        MemorySize limit();
    }

    /** Data sets on the server's own disk. */
    interface Data {
        /** Jobs may name files in it, {@code file:name} or the absolute path, instead of uploading them; none when absent. */
        Optional<Path> directory();
    }

    /** Memory that jobs are planned for. */
    interface Memory {
        /**
         * Most memory of the server's process, with a unit: {@code 20G}. A job that needs more is refused. When absent: 90 %
         * of what the machine, or the container, has to give when the job is submitted.
         */
        Optional<MemorySize> limit();

        /** Part of it that is not for jobs but for models that answer completions. */
        @WithDefault("256M")
        MemorySize reserve();
    }

    /** Live event streams. */
    interface Events {
        /** A quiet stream carries a comment this often, so that proxies keep it open and dead clients are noticed. */
        @WithDefault("PT15S")
        Duration heartbeat();
    }

    /** Completions for clients. */
    interface Serving {
        /** Completions of one model that are decoded together. */
        @WithDefault("32")
        int slots();

        /** Memory for the keys and values of one model's prompts and completions, with a unit. */
        @WithDefault("2G")
        MemorySize memory();

        /** Completions of one model that may wait for a slot; further requests are answered with 429. */
        @WithDefault("1024")
        int queue();

        /** Share of the time that a running job generates which clients of its policy may take, 0 to 0.5. */
        @WithDefault("0.125")
        double share();
    }

    /** What clients may take. */
    default ServingSettings toServing() {
        return new ServingSettings(serving().slots(), serving().memory().asLongValue(), serving().queue(),
                serving().share());
    }

    /** These settings with every default filled in. */
    default ServerSettings toSettings() {
        return new ServerSettings(home(), models().directory().orElseGet(() -> home().resolve("models")),
                plugins().directory().orElse(null),
                threads().orElseGet(() -> Runtime.getRuntime().availableProcessors()),
                files().limit().asLongValue(), organization(), events().heartbeat(), plugins().timeout(),
                new ModelSources(models().allowed().orElse(List.of()), hub().endpoint(), hub().token().orElse(null)),
                network().allow().orElse(List.of()), data().directory().orElse(null),
                new MemorySettings(memory().limit().map(MemorySize::asLongValue).orElse(null),
                        memory().reserve().asLongValue()));
    }
}
