-- Reports to the webhook that are written with the change they tell of. The id goes with every attempt; a server that sends
-- one has it until claimed_until. status: waiting, delivered, given_up.
create table webhook_report (
    id              varchar(64) not null primary key,
    created_at      bigint      not null,
    type            varchar(64) not null,
    subject         varchar(64) not null,
    status          varchar(16) not null,
    attempts        integer     not null default 0,
    next_attempt_at bigint      not null,
    claimed_until   bigint      not null default 0,
    ended_at        bigint,
    last_error      text
);

create index webhook_report_by_status on webhook_report (status, next_attempt_at);

-- How far a tracker of a job has been told: "position" is its place in the job's integrations, "remote_id" what it calls the
-- run, "sent_step" the last step it has, with the metrics in "sent_names", and "seen_event" the job's last event at that time.
-- "failures" are those in a row; "closed" ends it.
create table job_tracker (
    job_id        varchar(64) not null references job (id),
    position      integer     not null,
    remote_id     varchar(255),
    sent_step     integer     not null default -2,
    sent_names    text,
    seen_event    bigint      not null default 0,
    failures      integer     not null default 0,
    last_error    text,
    failing_since bigint,
    closed        integer     not null default 0,
    claimed_until bigint      not null default 0,
    primary key (job_id, position)
);

create index job_tracker_open on job_tracker (closed, claimed_until);
