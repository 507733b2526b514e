-- A model's name is unique within its organization, no longer on the whole server. Neither database can forget a constraint that
-- has no name, so the table is made anew.
create table model_of_organization (
    id            varchar(64)  not null primary key,
    organization  varchar(64),
    name          varchar(128) not null,
    created_at    bigint       not null,
    kind          varchar(16)  not null,
    source        text,
    commit_id     varchar(64),
    directory     text         not null,
    status        varchar(16)  not null,
    bytes         bigint       not null default 0,
    total_bytes   bigint,
    error_code    varchar(64),
    error_message text,
    last_event    bigint       not null default 0
);

insert into model_of_organization (id, organization, name, created_at, kind, source, commit_id, directory, status, bytes,
    total_bytes, error_code, error_message, last_event)
select id, organization, name, created_at, kind, source, commit_id, directory, status, bytes, total_bytes, error_code,
    error_message, last_event
from model;

create table event_of_model (
    model_id   varchar(64) not null references model_of_organization (id),
    sequence   bigint      not null,
    created_at bigint      not null,
    level      varchar(8)  not null,
    type       varchar(16) not null,
    message    text        not null,
    data       text,
    primary key (model_id, sequence)
);

insert into event_of_model (model_id, sequence, created_at, level, type, message, data)
select model_id, sequence, created_at, level, type, message, data
from model_event;

drop table model_event;
drop table model;
alter table model_of_organization rename to model;
alter table event_of_model rename to model_event;

create unique index model_by_name on model (coalesce(organization, ''), name);
