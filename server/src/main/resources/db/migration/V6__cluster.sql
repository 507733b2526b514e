-- Several servers share the queue. "server" runs the job, or ran it last, under "permit": the row of job_permit that is its
-- server's sign of life. "wish" is what somebody wants of a job that another server runs. "queued_at" is when it began to wait,
-- "waits_for" why it still does where that is not for its turn. "threads" and "memory" are what it takes of its server.
-- "crashes" counts in a row the ends of servers in runs that completed no step; "setbacks" those in runs that did not get
-- further than "crash_step", where the one before had ended.
alter table job add column priority integer not null default 0;
alter table job add column queued_at bigint not null default 0;
alter table job add column waits_for varchar(32);
alter table job add column server varchar(64);
alter table job add column permit varchar(64);
alter table job add column wish varchar(16);
alter table job add column threads integer not null default 0;
alter table job add column memory bigint not null default 0;
alter table job add column crashes integer not null default 0;
alter table job add column setbacks integer not null default 0;
alter table job add column crash_step integer not null default -1;
alter table job add column charged_at bigint;
alter table job add column estimated_finish bigint;
update job set queued_at = created_at;

create index job_by_turn on job (status, organization, priority, id);
create index job_by_server on job (server, status);

alter table eval add column server varchar(64);
alter table eval add column permit varchar(64);

-- What organizations have used: engine-seconds, of which half is forgotten after a while, as they were at "updated_at"; and
-- tokens trained on since a day of UTC began, which is counted since 1970.
create table organization_usage (
    organization varchar(64)      not null primary key,
    seconds      double precision not null,
    updated_at   bigint           not null
);

create table organization_tokens (
    organization varchar(64) not null,
    day          integer     not null,
    tokens       bigint      not null,
    primary key (organization, day)
);

-- One row, locked by whoever takes the next job: limits hold although several servers look at once.
create table queue_turn (
    id    integer not null primary key,
    taken bigint  not null
);
insert into queue_turn (id, taken) values (1, 0);

-- The tables of db-scheduler, one for each kind of work, because each has its own threads.
create table job_permit (
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

create index job_permit_by_time on job_permit (execution_time);
create index job_permit_by_heartbeat on job_permit (last_heartbeat);

create table eval_permit (
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

create index eval_permit_by_time on eval_permit (execution_time);
create index eval_permit_by_heartbeat on eval_permit (last_heartbeat);
