-- The same statements serve SQLite and PostgreSQL. Times are milliseconds since 1970, JSON is text.
-- Ids rise with time, so that "newest first" is "order by id desc" and a page starts after an id whether or not its row
-- still exists.

create table uploaded_file (
    id         varchar(64)  not null primary key,
    filename   varchar(255) not null,
    purpose    varchar(32)  not null,
    bytes      bigint       not null,
    created_at bigint       not null
);

-- epoch rises with each start of a run; a run writes only while the row still carries its epoch.
-- last_event is the newest sequence in job_event.
create table job (
    id               varchar(64)  not null primary key,
    created_at       bigint       not null,
    status           varchar(16)  not null,
    request          text         not null,
    metadata         text         not null,
    epoch            bigint       not null default 0,
    last_event       bigint       not null default 0,
    total_steps      integer      not null,
    completed_steps  integer      not null default 0,
    run_started_at   bigint,
    run_first_step   integer      not null default 0,
    last_step_at     bigint,
    finished_at      bigint,
    trained_tokens   bigint,
    fine_tuned_model varchar(255),
    model_step       integer,
    error_code       varchar(64),
    error_message    text,
    error_param      varchar(255)
);

create index job_by_status on job (status, id);
create index job_by_model on job (fine_tuned_model);

create table job_event (
    job_id     varchar(64) not null references job (id),
    sequence   bigint      not null,
    created_at bigint      not null,
    level      varchar(8)  not null,
    type       varchar(16) not null,
    message    text        not null,
    data       text,
    primary key (job_id, sequence)
);

create table job_metric (
    job_id varchar(64)      not null references job (id),
    step   integer          not null,
    name   varchar(64)      not null,
    value  double precision not null,
    primary key (job_id, step, name)
);

-- step counts completed steps; the files lie in <home>/jobs/<job_id>/checkpoints/step-<step>.
create table checkpoint (
    id         varchar(64)  not null primary key,
    job_id     varchar(64)  not null references job (id),
    step       integer      not null,
    created_at bigint       not null,
    model      varchar(255) not null,
    metrics    text         not null,
    unique (job_id, step)
);

create index checkpoint_by_model on checkpoint (model);
