-- Evaluations take turns by what organizations have used, as jobs do: a run is charged for its time since "charged_at", times
-- the threads of the engine that it uses.
alter table eval add column threads integer not null default 0;
alter table eval add column charged_at bigint;

-- Locked by whoever takes the next evaluation, as the first row is for jobs.
insert into queue_turn (id, taken) values (2, 0);

-- A download is of one server at a time: "server" has it under "permit", the row of model_permit that is its sign of life; "run"
-- counts those that began.
alter table model add column server varchar(64);
alter table model add column permit varchar(64);
alter table model add column run bigint not null default 0;

create table model_permit (
    task_name            varchar(64) not null,
    task_instance        varchar(64) not null,
    task_data            bytea,
    execution_time       timestamp with time zone not null,
    picked               boolean     not null,
    picked_by            varchar(64),
    last_success         timestamp with time zone,
    last_failure         timestamp with time zone,
    consecutive_failures integer,
    last_heartbeat       timestamp with time zone,
    version              bigint      not null,
    primary key (task_name, task_instance)
);

create index model_permit_by_time on model_permit (execution_time);
create index model_permit_by_heartbeat on model_permit (last_heartbeat);

-- The same for the checks of data sets.
alter table job_validation drop column claimed_until;
alter table job_validation add column server varchar(64);
alter table job_validation add column permit varchar(64);

create table validation_permit (
    task_name            varchar(64) not null,
    task_instance        varchar(64) not null,
    task_data            bytea,
    execution_time       timestamp with time zone not null,
    picked               boolean     not null,
    picked_by            varchar(64),
    last_success         timestamp with time zone,
    last_failure         timestamp with time zone,
    consecutive_failures integer,
    last_heartbeat       timestamp with time zone,
    version              bigint      not null,
    primary key (task_name, task_instance)
);

create index validation_permit_by_time on validation_permit (execution_time);
create index validation_permit_by_heartbeat on validation_permit (last_heartbeat);
