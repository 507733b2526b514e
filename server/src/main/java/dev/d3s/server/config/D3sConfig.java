package dev.d3s.server.config;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

import io.quarkus.runtime.annotations.RegisterForReflection;
import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/**
 * What whoever runs the server can set: a system property {@code -Dd3s.home=...}, an environment variable
 * {@code D3S_HOME=...} or a line in {@code application.properties}. Read once, at start; the rest of the server sees
 * {@link ServerSettings}.
 */
@ConfigMapping(prefix = "d3s")
@RegisterForReflection(ignoreNested = false)
public interface D3sConfig {
    /** Everything the server keeps: its database, uploaded files and the checkpoints of jobs. */
    @WithDefault("${user.home}/.d3s")
    Path home();

    /** How jobs share the machine. */
    Jobs jobs();

    /** What an organization may take. */
    Limits limits();

    /** This server among those that share its database. */
    Cluster cluster();

    /** The database that several servers can share. */
    Datasource datasource();

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

    /** Requests that are not uploads. */
    Requests requests();

    /** Data sets on the server's own disk. */
    Data data();

    /** Live event streams. */
    Events events();

    /** Completions for clients. */
    Serving serving();

    /** Memory that jobs are planned for. */
    Memory memory();

    /** Telling another service of jobs that have ended. */
    Webhooks webhooks();

    /** The server's log. */
    Log log();

    /** Processor threads for the engines; all processors when absent. */
    OptionalInt threads();

    /** The organization in the ids of fine-tuned models, {@code ft:<base>:<organization>:<suffix>:<id>}. */
    @WithDefault("d3s")
    String organization();

    /** Who may call the server. */
    Access access();

    /** Tokens of an identity provider; which one, say the settings {@code quarkus.oidc}. */
    Oidc oidc();

    /** The log of who did what. */
    Audit audit();

    /** Who may call the server. */
    interface Access {
        /**
         * Lets everybody in as an admin, also from other machines, as long as there is neither a key nor an identity provider:
         * for servers behind something else that keeps people out.
         */
        @WithDefault("false")
        boolean anonymous();
    }

    /** Tokens of an identity provider. */
    interface Oidc {
        /** The claim that names the caller's organization; nested ones with {@code /}, as in {@code lab/name}. */
        @WithDefault("organization")
        String organizationClaim();

        /** The role that makes a caller an admin; roles are where {@code quarkus.oidc.roles.role-claim-path} says. */
        @WithDefault("d3s-admin")
        String adminRole();
    }

    /** The log of who did what. */
    interface Audit {
        /** How long its entries are kept. */
        @WithDefault("P365D")
        Duration retention();
    }

    /** How jobs share the machine. */
    interface Jobs {
        /** Jobs that run at once where memory allows; each has its part of the processors. */
        @WithDefault("1")
        int concurrent();

        /** Half of what an organization has used is forgotten after this long; whoever has used least is next. */
        @WithDefault("PT24H")
        Duration halfLife();
    }

    /** What an organization may take. */
    interface Limits {
        /** Bytes of an organization's files and checkpoints, with a unit: {@code 500G,acme:2T}; no limit when absent. */
        Optional<List<String>> disk();

        /** Evaluations of an organization that may wait: {@code 100} for each, {@code 100,acme:500} with another for one; no limit when absent. */
        Optional<List<String>> queuedEvals();

        /** Jobs of an organization that may wait: {@code 100} for each, {@code 100,acme:500} with another for one; no limit when absent. */
        Optional<List<String>> queuedJobs();

        /** Jobs of an organization that may run, on all servers together; no limit when absent. */
        Optional<List<String>> runningJobs();

        /** Tokens that an organization's jobs may train on in a day of UTC: beyond, they wait; no limit when absent. */
        Optional<List<String>> tokensADay();
    }

    /** This server among those that share its database. */
    interface Cluster {
        /** A server that runs a job says so this often; after four silent ones its jobs go to others. */
        @WithDefault("PT10S")
        Duration heartbeat();

        /** Name of this server among those that share its database; the machine's name when absent. */
        Optional<String> name();
    }

    /** The database that several servers can share. */
    interface Datasource {
        /** Most connections to PostgreSQL at a time. */
        @WithDefault("16")
        int connections();

        /** The password for it; none when absent. */
        Optional<String> password();

        /**
         * Address of a PostgreSQL database, {@code jdbc:postgresql://host:5432/d3s}, which several servers can share;
         * {@code d3s.db} in {@code d3s.home} (SQLite) when absent.
         */
        Optional<String> url();

        /** Who the server is there; none when absent. */
        Optional<String> username();
    }

    /** Base models. */
    interface Models {
        /**
         * Each directory in it is a base model in Hugging Face layout; downloads go there; {@code models} in {@code d3s.home}
         * when absent.
         */
        Optional<Path> directory();

        /** Further directories, separated by commas, that models may be registered from; none when absent. */
        Optional<List<Path>> allowed();
    }

    /** The hub that models are downloaded from. */
    interface Hub {
        /** The hub that {@code hf://} stands for; {@code HF_ENDPOINT} counts too. */
        @WithDefault("${HF_ENDPOINT:https://huggingface.co}")
        URI endpoint();

        /** Opens gated and private models; {@code HF_TOKEN} counts too. */
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
         * Services in this server's network that graders and integrations of jobs may reach: {@code 127.0.0.1:8000,judge:80}. Those of the
         * open internet they may reach anyway; none when absent.
         */
        Optional<List<String>> allow();
    }

    /** Uploaded files. */
    interface Files {
        /** Largest request, with a unit: {@code 200M}, {@code 5G}. */
        @WithDefault("5G")
        MemorySize limit();

        /**
         * Data sets up to this size are checked before the answer to a job's submission; larger ones afterwards, while the job's
         * status is {@code validating_files}.
         */
        @WithDefault("64M")
        MemorySize checkedAtOnce();
    }

    /** Data sets on the server's own disk. */
    interface Data {
        /** Jobs may use the data sets in it without an upload; none when absent. */
        Optional<Path> directory();
    }

    /** Memory that jobs are planned for. */
    interface Memory {
        /** Memory of the process that jobs are planned for, with a unit; 90 % of what is available when absent. */
        Optional<MemorySize> limit();

        /** Part of it that is not for jobs but for models that answer completions. */
        @WithDefault("256M")
        MemorySize reserve();
    }

    /** Requests. */
    interface Requests {
        /** Largest request that is not an upload, with a unit. */
        @WithDefault("16M")
        MemorySize limit();

        /** How long the content of a request may arrive at less than a kilobyte a second before the connection is closed. */
        @WithDefault("PT60S")
        Duration patience();
    }

    /** Live event streams. */
    interface Events {
        /** Live streams at one time; further ones are answered with 429. */
        @WithDefault("1000")
        int streams();

        /** A quiet event stream carries a comment this often, so that proxies keep it open and dead clients are noticed. */
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

    /** The server's log. */
    interface Log {
        /** Lines on the console: {@code text} for people, {@code json} for programs, with job, step, request and caller. */
        @WithDefault("text")
        LogFormat format();
    }

    /** Telling another service of jobs that have ended. */
    interface Webhooks {
        /** Where a job that has succeeded, failed or was cancelled is reported to; nowhere when absent. */
        Optional<URI> url();

        /** Signs the reports: {@code whsec_} and 24 to 64 bytes in base64; must be given with the address, none when absent. */
        Optional<String> secret();

        /** How long a report that nobody accepts is tried again, with growing pauses. */
        @WithDefault("P3D")
        Duration patience();
    }

    /** Whose job is next. */
    default QueueSettings toQueue() {
        SettingsCheck check = new SettingsCheck();
        QueueSettings queue = check.part(
                () -> new QueueSettings(jobs().concurrent(), jobs().halfLife(),
                        check.part(() -> OrganizationLimit.of("d3s.limits.queued-jobs",
                                limits().queuedJobs()), OrganizationLimit.NONE),
                        check.part(() -> OrganizationLimit.of("d3s.limits.queued-evals",
                                limits().queuedEvals()), OrganizationLimit.NONE),
                        check.part(() -> OrganizationLimit.of("d3s.limits.running-jobs",
                                limits().runningJobs()), OrganizationLimit.NONE),
                        check.part(() -> OrganizationLimit.of("d3s.limits.tokens-a-day",
                                limits().tokensADay()), OrganizationLimit.NONE),
                        check.part(() -> OrganizationLimit.of("d3s.limits.disk",
                                limits().disk()), OrganizationLimit.NONE)),
                QueueSettings.DEFAULT);
        check.orThrow();
        return queue;
    }

    /** What clients may take. */
    default ServingSettings toServing() {
        return new ServingSettings(serving().slots(), serving().memory().asLongValue(), serving().queue(),
                serving().share());
    }

    /** This server among others. */
    default ClusterSettings toCluster() {
        return new ClusterSettings(cluster().name().orElseGet(ClusterSettings::machine), cluster().heartbeat());
    }

    /** Where rows are stored. */
    default DatasourceSettings toDatasource() {
        return new DatasourceSettings(datasource().url().orElse(null), datasource().username().orElse(null),
                datasource().password().orElse(null), datasource().connections());
    }

    /** Whom to tell of jobs that have ended. */
    default WebhookSettings toWebhooks() {
        return new WebhookSettings(webhooks().url().orElse(null), webhooks().secret().orElse(null),
                webhooks().patience());
    }

    /** What is done before an answer. */
    default RequestLimits toLimits() {
        return new RequestLimits(files().checkedAtOnce().asLongValue(), requests().limit().asLongValue(),
                requests().patience(), events().streams());
    }

    /** Who may call the server. */
    default AccessSettings toAccess() {
        return new AccessSettings(access().anonymous(), oidc().organizationClaim(), oidc().adminRole(),
                audit().retention());
    }

    /** These settings with every default filled in. */
    default ServerSettings toSettings() {
        SettingsCheck check = new SettingsCheck();
        ModelSources sources = check.part(() -> new ModelSources(models().allowed().orElse(List.of()), hub().endpoint(),
                hub().token().orElse(null)), ModelSources.DEFAULT);
        MemorySettings memory = check.part(
                () -> new MemorySettings(memory().limit().map(MemorySize::asLongValue).orElse(null),
                        memory().reserve().asLongValue()),
                MemorySettings.DEFAULT);
        ServerSettings settings = check.part(
                () -> new ServerSettings(home(), models().directory().orElseGet(() -> home().resolve("models")),
                        plugins().directory().orElse(null),
                        threads().orElseGet(() -> Runtime.getRuntime().availableProcessors()),
                        files().limit().asLongValue(), organization(), events().heartbeat(), plugins().timeout(),
                        sources, network().allow().orElse(List.of()), data().directory().orElse(null), memory),
                null);
        check.orThrow();
        return Objects.requireNonNull(settings);
    }

    /** Notes everything that is wrong; each group of settings once. */
    default void check(SettingsCheck check) {
        check.part(this::toSettings, null);
        check.part(this::toServing, null);
        check.part(this::toCluster, null);
        check.part(this::toQueue, null);
        check.part(this::toDatasource, null);
        check.part(this::toWebhooks, null);
        check.part(this::toAccess, null);
        check.part(this::toLimits, null);
    }
}
